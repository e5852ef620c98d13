"""`python -m cluster_r1` is `cluster-r1`."""

from .cli.app import main

main()
