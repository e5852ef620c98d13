"""A benchmark in the form that each trainer and evaluator loads: one file a format."""
