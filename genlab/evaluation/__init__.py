"""How good is a generator, and how do we know (notebook 04)?"""
