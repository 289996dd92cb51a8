"""Right answers to the practice of chapter 1, each in several ways."""

import torch


def q_step(x_prev, t, noise, schedule):
    beta = schedule.betas[t].reshape(-1, 1, 1, 1)
    return (1 - beta).sqrt() * x_prev + beta.sqrt() * noise


def q_step__with_the_table_reader(x_prev, t, noise, schedule):
    beta = schedule.beta_at(t, x_prev)
    return torch.sqrt(1 - beta) * x_prev + torch.sqrt(beta) * noise


def q_step__in_place_on_a_copy(x_prev, t, noise, schedule):
    beta = schedule.beta_at(t, x_prev)
    result = x_prev.clone()
    result *= (1 - beta) ** 0.5
    result += beta**0.5 * noise
    return result


def q_step__one_by_one(x_prev, t, noise, schedule):
    steps = torch.as_tensor(t).expand(len(x_prev)).tolist()
    pictures = []
    for x, step, e in zip(x_prev, steps, noise, strict=True):
        beta = float(schedule.betas[step])
        pictures.append((1 - beta) ** 0.5 * x + beta**0.5 * e)
    return torch.stack(pictures)


def q_step__einsum(x_prev, t, noise, schedule):
    t = torch.as_tensor(t).expand(len(x_prev))
    beta = schedule.betas[t].float()
    kept = torch.einsum("b,b...->b...", (1 - beta).sqrt(), x_prev)
    return kept + torch.einsum("b,b...->b...", beta.sqrt(), noise)


def q_chain(x0, noises, schedule):
    chain = [x0]
    for t in range(1, schedule.num_steps + 1):
        chain.append(q_step(chain[-1], t, noises[t - 1], schedule))
    return torch.stack(chain)


def q_chain__into_one_tensor(x0, noises, schedule):
    chain = torch.empty(len(noises) + 1, *x0.shape, dtype=torch.float64)
    chain[0] = x0
    for i, noise in enumerate(noises):
        chain[i + 1] = q_step(chain[i], i + 1, noise, schedule)
    return chain


def q_chain__by_a_recursion(x0, noises, schedule):
    if not len(noises):
        return x0[None]
    before = q_chain__by_a_recursion(x0, noises[:-1], schedule)
    last = q_step(before[-1], len(noises), noises[-1], schedule)
    return torch.cat([before, last[None]])
