"""What the package costs, measured; for its makers, no part of the installed package."""
