"""Tiny random models of the families that can be trained, in the layout in which they are published."""
