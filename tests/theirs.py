"""Words of diffusers for ours, shared by the tests that compare the two."""

NAMES = {"linear": "linear", "cosine": "squaredcos_cap_v2"}
TYPES = {"eps": "epsilon", "x0": "sample", "v": "v_prediction"}
