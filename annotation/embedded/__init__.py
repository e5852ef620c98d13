"""What runs in the environment of the embedded Argilla server, and only there: cluster_r1 is not installed in it."""
