"""From labelled tasks to a leak-proof benchmark: pools, splits, examples, proof, statistics, exports."""
