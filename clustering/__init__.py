"""The clustering agent at work: a pile of texts and an instruction become clusters, whatever the size."""
