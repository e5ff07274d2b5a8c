"""The companion `experiments`: what ablating, moving and steering did."""
