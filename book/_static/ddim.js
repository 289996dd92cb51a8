/* DDIM and Heun for the page: diffusion_lessons/sampling.py and solvers.py,
   line by line, and tested against them; so is what begins with a drawing.
   A flow is asked in the language of DDPM (translate.py): its table has the ᾱ
   of the times t / T, and its picture is x over the sum of the two factors.
   Pictures are flat arrays, one after the other; a label is a number, or one
   for each picture. */
"use strict";

const ddim = {
  // As torch.round: halves go to the even neighbour.
  round(x) {
    const low = Math.floor(x);
    if (x - low !== 0.5) return Math.round(x);
    return low % 2 ? low + 1 : low;
  },

  // numSteps + 1 whole numbers from t down to 0, evenly spaced.
  timesteps(t, numSteps) {
    return Array.from({ length: numSteps + 1 }, (_, i) => ddim.round((t * (numSteps - i)) / numSteps));
  },

  // Where Heun begins: at the last t whose sigma is at most 80, as in EDM. Its
  // arrow is multiplied by sigma, and above it that is mostly rounding. A flow
  // has another ruler, which ends at 1.
  heunStart(t, { alphasCumprod, predicts }) {
    while (predicts !== "flow" && 1 / alphasCumprod[t] - 1 > 80 ** 2) t -= 1;
    return t;
  },

  // x_t from x_s, any s < t: the jump from x_0 if s = 0.
  noised(x, s, t, noise, alphasCumprod) {
    const kept = alphasCumprod[t] / alphasCumprod[s];
    const [signal, sigma] = [Math.sqrt(kept), Math.sqrt(1 - kept)];
    return x.map((value, i) => signal * value + sigma * noise[i]);
  },

  factors: (t, alphasCumprod) => [Math.sqrt(alphasCumprod[t]), Math.sqrt(1 - alphasCumprod[t])],

  // From what the network says to x0 and eps; x0 is cut, and eps follows it.
  // With a flow nothing is cut.
  cleanGuess(output, x, t, { alphasCumprod, predicts }) {
    const [signal, sigma] = ddim.factors(t, alphasCumprod);
    const read = {
      eps: (o, xt) => (xt - sigma * o) / signal,
      x0: (o) => o,
      v: (o, xt) => signal * xt - sigma * o,
      flow: (o, xt) => (xt - sigma * o) / (signal + sigma),
    }[predicts];
    const most = predicts === "flow" ? Infinity : 1;
    const x0Hat = x.map((xt, i) => Math.min(most, Math.max(-most, read(output[i], xt))));
    const epsHat = x.map((xt, i) => (xt - signal * x0Hat[i]) / sigma);
    return { x0Hat, epsHat };
  },

  // What the network sees at x_t, and the guess that its answer means.
  async guess(model, x, t, label, { network, scale }) {
    const [signal, sigma] = ddim.factors(t, network.alphasCumprod);
    const seen = network.predicts === "flow" ? x.map((xt) => xt / (signal + sigma)) : x;
    const output = await ddim.guided(model, seen, t, label, { nullLabel: network.nullLabel, scale });
    return ddim.cleanGuess(output, x, t, network);
  },

  // From x_t to x_s along the mean of two directions, where x stands and where
  // Euler's step leads: on the ruler of sigma, or of a flow's time.
  heunStep(x, guesses, t, s, { alphasCumprod, predicts }) {
    const flow = predicts === "flow";
    const [[size, now], [then, clock]] = [t, s].map((at) => {
      const [signal, sigma] = ddim.factors(at, alphasCumprod);
      const whole = flow ? signal + sigma : signal;
      return [whole, sigma / whole];
    });
    const arrow = ({ x0Hat, epsHat }, i) => (flow ? epsHat[i] - x0Hat[i] : epsHat[i]);
    return x.map((xt, i) => then * (xt / size + (clock - now) * (arrow(guesses[0], i) + arrow(guesses[1], i)) / 2));
  },

  // From x_t to x_s, eq. 12 and 16 of Song et al. (2021).
  step(x0Hat, epsHat, t, s, noise, alphasCumprod, eta) {
    const now = alphasCumprod[t];
    const then = alphasCumprod[s];
    const sigma2 = eta ** 2 * ((1 - then) / (1 - now)) * (1 - now / then);
    const rest = Math.max(0, 1 - then - sigma2);
    return x0Hat.map((x0, i) => {
      const x = Math.sqrt(then) * x0 + Math.sqrt(rest) * epsHat[i];
      return eta === 0 ? x : x + Math.sqrt(sigma2) * noise[i];
    });
  },

  // What the network says with its class, led away from what it says without.
  async guided(model, x, t, label, { nullLabel, scale }) {
    const labels = [label].flat();
    const none = labels.map(() => nullLabel);
    if (scale === 1) return model(x, t, labels);
    if (scale === 0) return model(x, t, none);
    const twice = new Float32Array(2 * x.length);
    twice.set(x);
    twice.set(x, x.length);
    const both = await model(twice, t, [...labels, ...none]);
    const without = both.subarray(x.length);
    return without.map((u, i) => u + scale * (both[i] - u));
  },

  // Every step of the way: {t, x, x0Hat}. noise(): fresh normal numbers.
  // from: where x stands, T unless it is a drawing with noise on it. part:
  // {known, mask, passes}, the picture that is held wherever mask is 1, and
  // how often each step is gone (RePaint, algorithm 1).
  // solver: "heun" asks twice in every step but the last, and eta is 0 then.
  async *sample(model, x, network, { label, scale, numSteps, eta, noise, from, part, solver }) {
    const { alphasCumprod } = network;
    const first = from ?? alphasCumprod.length - 1;
    const path = ddim.timesteps(solver === "heun" ? ddim.heunStart(first, network) : first, numSteps);
    const passes = part?.passes ?? 1;
    x = Float32Array.from(x);
    for (let i = 0; i < numSteps; i++) {
      const [t, s] = [path[i], path[i + 1]];
      let x0Hat, epsHat;
      for (let pass = 1; pass <= passes; pass++) {
        const here = await ddim.guess(model, x, t, label, { network, scale });
        ({ x0Hat, epsHat } = here);
        let next = ddim.step(x0Hat, epsHat, t, s, eta === 0 ? null : noise(), alphasCumprod, eta);
        if (solver === "heun" && s > 0) {
          const ahead = await ddim.guess(model, next, s, label, { network, scale });
          next = ddim.heunStep(x, [here, ahead], t, s, network);
        }
        x = next;
        if (part) x = ddim.joined(x, s, part, s === 0 ? null : noise(), alphasCumprod);
        if (pass < passes) x = ddim.noised(x, s, t, noise(), alphasCumprod);
      }
      yield { t: s, x, x0Hat };
    }
  },

  // The known part at x_s, and what the sampler drew where there is none.
  joined(x, s, { known, mask }, noise, alphasCumprod) {
    const held = s === 0 ? known : ddim.noised(known, 0, s, noise, alphasCumprod);
    return x.map((value, i) => mask[i] * held[i] + (1 - mask[i]) * value);
  },

  // Normal numbers from a seed: mulberry32, and Box and Muller's two for two.
  normals(seed) {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let z = Math.imul(state ^ (state >>> 15), state | 1);
      z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
      return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
    };
    return (count) => {
      const numbers = new Float32Array(count);
      for (let i = 0; i < count; i += 2) {
        const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
        const angle = 2 * Math.PI * uniform();
        numbers[i] = radius * Math.cos(angle);
        if (i + 1 < count) numbers[i + 1] = radius * Math.sin(angle);
      }
      return numbers;
    };
  },
};
