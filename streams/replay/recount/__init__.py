"""Says from the log alone, in the plainest way, what a projection must hold of a few entities.

Each module knows the rules of one projection and shares no code with its projector and its stores: it keeps what was
said of the entities in the sample, and compares what follows from that with what the projection's reader answers.
"""
