"""Right answers to the practice of chapter 12, each in several ways."""

import torch


def linear_guess(xt, t, mean, variance, schedule):
    a = schedule.alphas_cumprod[t].reshape(-1, 1, 1, 1)
    slope = a.sqrt() * variance / (a * variance + 1 - a)
    return mean + slope * (xt - a.sqrt() * mean)


def linear_guess__by_precisions(xt, t, mean, variance, schedule):
    signal, sigma = schedule.signal_and_sigma(t, xt)
    prior, seen = 1 / variance, signal**2 / sigma**2
    return (prior * mean + seen * (xt / signal)) / (prior + seen)


def linear_guess__as_a_mix(xt, t, mean, variance, schedule):
    signal, sigma = schedule.signal_and_sigma(t, xt.double())
    share = signal**2 * variance / (signal**2 * variance + sigma**2)
    return torch.lerp(mean.double() + 0 * share, xt / signal, share)
