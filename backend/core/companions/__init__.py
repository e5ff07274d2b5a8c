"""Results beside a build, each in a small file of its own that names the build it belongs to."""
