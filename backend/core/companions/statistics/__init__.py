"""The companion `statistics`: what chance explains of a build."""
