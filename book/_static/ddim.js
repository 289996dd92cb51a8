/* DDIM for the page: diffusion_lessons/sampling.py, line by line, and tested
   against it. Pictures are flat arrays, one after the other. */
"use strict";

const ddim = {
  // As torch.round: halves go to the even neighbour.
  round(x) {
    const low = Math.floor(x);
    if (x - low !== 0.5) return Math.round(x);
    return low % 2 ? low + 1 : low;
  },

  // numSteps + 1 whole numbers from T down to 0, evenly spaced.
  timesteps(T, numSteps) {
    return Array.from({ length: numSteps + 1 }, (_, i) => ddim.round((T * (numSteps - i)) / numSteps));
  },

  // From what the network says to x0 and eps; x0 is cut, and eps follows it.
  cleanGuess(output, x, t, { alphasCumprod, predicts }) {
    const signal = Math.sqrt(alphasCumprod[t]);
    const sigma = Math.sqrt(1 - alphasCumprod[t]);
    const read = {
      eps: (o, xt) => (xt - sigma * o) / signal,
      x0: (o) => o,
      v: (o, xt) => signal * xt - sigma * o,
    }[predicts];
    const x0Hat = x.map((xt, i) => Math.min(1, Math.max(-1, read(output[i], xt))));
    const epsHat = x.map((xt, i) => (xt - signal * x0Hat[i]) / sigma);
    return { x0Hat, epsHat };
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
    if (scale === 1) return model(x, t, [label]);
    if (scale === 0) return model(x, t, [nullLabel]);
    const twice = new Float32Array(2 * x.length);
    twice.set(x);
    twice.set(x, x.length);
    const both = await model(twice, t, [label, nullLabel]);
    const without = both.subarray(x.length);
    return without.map((u, i) => u + scale * (both[i] - u));
  },

  // Every step of the way: {t, x, x0Hat}. noise(): fresh normal numbers.
  async *sample(model, xT, network, { label, scale, numSteps, eta, noise }) {
    const { alphasCumprod, nullLabel } = network;
    const path = ddim.timesteps(alphasCumprod.length - 1, numSteps);
    let x = Float32Array.from(xT);
    for (let i = 0; i < numSteps; i++) {
      const [t, s] = [path[i], path[i + 1]];
      const output = await ddim.guided(model, x, t, label, { nullLabel, scale });
      const { x0Hat, epsHat } = ddim.cleanGuess(output, x, t, network);
      x = ddim.step(x0Hat, epsHat, t, s, eta === 0 ? null : noise(), alphasCumprod, eta);
      yield { t: s, x, x0Hat };
    }
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
