"""The order of the tests, in words, and a ward full of patients."""

# Questions from the cheapest on, and where to look if the answer is no.
ORDER = (
    (
        "Are the pictures finite,\nand between −1 and 1?",
        "scale them; look at one batch\n(section 1.9)",
    ),
    (
        "Can it learn one batch by heart?",
        "target, optimiser or last layer\n(section 4.4)",
    ),
    (
        "Is the loss below the mean\nand the line, at every t?",
        "target, t or activation\n(sections 6.1, 5.7 and 3.5)",
    ),
    (
        "Is the guess at three t\na picture without noise?",
        "schedule or range\n(sections 2.6 and 2.7)",
    ),
    (
        "Does the sampler draw a mixture\nwith its exact network?",
        "last step, cut or order of steps\n(sections 7.10 and 7.12)",
    ),
    (
        "Are averaged and live weights\nabout equally good?",
        "update the average\n(section 5.8)",
    ),
    (
        "Does the picture follow the label?",
        "labels, null label or halves\n(sections 9.2 and 9.7)",
    ),
    (
        "Is it as near to new pictures\nas to its own?",
        "it copies: more pictures\n(section 10.8)",
    ),
)
# Patients to guess at: names of `patient`, the healthy one first.
WARD = (
    "healthy",
    "t_of_0_to_1",
    "noisy_end",
    "other_schedule",
    "swapped_halves",
    "stale_average",
    "wrong_target",
    "silu_output",
    "labels_lost",
)
