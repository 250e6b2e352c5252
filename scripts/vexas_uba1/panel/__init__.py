"""A panel of normals: how often single sites err in samples without a variant."""
