/* A sampler in the page: the book's network, run where it is read. Nothing is
   loaded before the button is pressed. */
"use strict";

(() => {
  const BASE = new URL("sampler/", document.currentScript.src);
  const RUNTIME = ["ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm.gz", "networks.json"];
  const NAMES = { digits: "8 × 8", mnist: "28 × 28" };
  const A_STEP = 90; // milliseconds, so that an eye can follow
  const STILL = matchMedia("(prefers-reduced-motion: reduce)");

  /* 1. What is loaded, once for all samplers of a page. */

  function whyNot() {
    if (SAMPLER_FILES === null) return "this build of the book comes without it (it was made without npm)";
    if (location.protocol === "file:") return "a browser runs no network in a page opened from disk (make serve shows the book at an address)";
    if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function") return "this browser is too old for it";
    return null;
  }

  const megabytes = (...names) => (names.reduce((sum, name) => sum + SAMPLER_FILES[name], 0) / 1e6).toFixed(1);

  async function fetched(name) {
    const answer = await fetch(new URL(name, BASE));
    if (!answer.ok) throw new Error(`${name} is missing`);
    return answer;
  }

  const kept = {};
  function once(name, load) {
    kept[name] ??= load().catch((error) => {
      delete kept[name];
      throw error;
    });
    return kept[name];
  }

  const runtime = () => once("runtime", async () => {
    const packed = await fetched("ort-wasm-simd-threaded.wasm.gz");
    const unpacked = packed.body.pipeThrough(new DecompressionStream("gzip"));
    const [wasmBinary, networks] = await Promise.all([
      new Response(unpacked).arrayBuffer(),
      fetched("networks.json").then((answer) => answer.json()),
    ]);
    await new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL("ort.wasm.min.js", BASE);
      script.onload = resolve;
      script.onerror = () => reject(new Error("ort.wasm.min.js is missing"));
      document.head.append(script);
    });
    Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: BASE.href, wasmBinary });
    return networks;
  });

  // {model, shape, size, alphasCumprod, predicts, nullLabel}; one pass at a time.
  const network = (name) => once(name, async () => {
    const facts = (await runtime())[name];
    const weights = await (await fetched(`${name}.onnx`)).arrayBuffer();
    const session = await ort.InferenceSession.create(weights);
    const size = facts.shape.reduce((a, b) => a * b);
    const pass = async (x, t, labels) => {
      const whole = (numbers) => new ort.Tensor("int64", BigInt64Array.from(numbers, BigInt), [labels.length]);
      const inputs = {
        x: new ort.Tensor("float32", x, [labels.length, ...facts.shape]),
        t: whole(labels.map(() => t)),
        label: whole(labels),
      };
      return (await session.run(inputs)).output.data;
    };
    let last = Promise.resolve();
    const model = (...inputs) => (last = last.catch(() => {}).then(() => pass(...inputs)));
    return { ...facts, size, model };
  });

  /* 2. What stands in the page. */

  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const choice = (name, words, options, chosen) => element("label", {}, words,
    element("select", { name }, ...options.map(([value, text]) =>
      element("option", { value, textContent: text ?? value, selected: String(value) === String(chosen) }))));

  class Sampler {
    constructor(host) {
      this.host = host;
      this.turn = 0; // which settings hold: what an older turn computes is dropped
      const no = whyNot();
      if (no) this.excuse(no);
      else this.offer();
    }

    excuse(why) {
      const words = `Here the network itself would run, but ${why}. The film on this page shows a run that was made before.`;
      this.host.replaceChildren(element("p", { className: "dl-sampler-why", textContent: words }));
    }

    offer(problem) {
      const { network: name = "mnist" } = this.host.dataset;
      const button = element("button", {
        type: "button",
        textContent: `Run the network in this page (${megabytes(...RUNTIME, `${name}.onnx`)} MB)`,
      });
      button.onclick = () => this.open(name, button);
      this.status = element("p", { className: "dl-status", role: "status" });
      if (problem) this.status.textContent = problem;
      this.host.replaceChildren(button, this.status);
      return button;
    }

    async open(name, button) {
      button.disabled = true;
      this.status.textContent = "Loading …";
      try {
        await network(name);
      } catch (error) {
        this.offer(sorry(error)).focus();
        return;
      }
      this.build(name);
      this.restart();
      this.run.focus();
    }

    build(name) {
      const { label = "7", steps = "20", scale = "2", eta = "0" } = this.host.dataset;
      const classes = [["", "any"], ...Array.from({ length: 10 }, (_, i) => [i, i])];
      this.form = element("form", {},
        choice("network", "Digits of", Object.entries(NAMES), name),
        choice("label", "Class", classes, label),
        choice("steps", "Steps", [[5], [10], [20], [50], [100]], steps),
        choice("scale", "Guidance scale", [[0], [1], [1.5], [2], [3], [5]], scale),
        choice("eta", "Fresh noise η", [[0], [0.5], [1]], eta),
        element("label", {}, "Seed", element("input", { name: "seed", type: "number", min: 0, max: 9999, step: 1, value: 0, inputMode: "numeric" })));
      this.form.onsubmit = (event) => event.preventDefault();
      this.form.onchange = () => this.restart();
      this.pictures = [["x", "t", "the picture so far"], ["x̂", "0", "the digit as it guesses it"]].map(([letter, index, words]) => {
        const canvas = element("canvas", { role: "img" });
        const caption = element("figcaption", {}, element("i", {}, letter), element("sub", {}, index), `, ${words}`);
        return { words, canvas, figure: element("figure", {}, canvas, caption) };
      });
      const button = (text, act, words = text) => {
        const made = element("button", { type: "button", textContent: text, onclick: act });
        made.setAttribute("aria-label", words);
        return made;
      };
      this.back = button("‹", () => this.stop(this.shown - 1), "One step back");
      this.run = button("Pause", () => this.toggle());
      this.forth = button("›", () => this.stop(this.shown + 1), "One step on");
      this.another = button("New noise", () => {
        this.form.elements.seed.value = (Number(this.form.elements.seed.value) + 1) % 10000;
        this.restart();
      });
      this.save = button("Save picture", () => this.download());
      this.slider = element("input", { type: "range", min: 0, step: 1, value: 0 });
      this.slider.setAttribute("aria-label", "step of the sampler");
      this.slider.oninput = () => this.stop(Number(this.slider.value));
      this.told = element("output");
      this.host.replaceChildren(
        element("div", { className: "dl-pictures" }, ...this.pictures.map((p) => p.figure)),
        element("div", { className: "dl-way" }, this.slider, this.told),
        element("div", { className: "dl-buttons" }, this.back, this.run, this.forth, this.another, this.save),
        this.form,
        this.status);
      this.status.textContent = "";
    }

    /* 3. One run: frames are computed as they are asked for, and kept. */

    settings() {
      const { network, label, steps, scale, eta, seed } = this.form.elements;
      const any = label.value === "";
      scale.disabled = any; // without a class there is nothing to be led to
      if (!seed.checkValidity() || seed.value === "") seed.value = 0;
      return {
        name: network.value,
        label: any ? null : Number(label.value),
        scale: any ? 1 : Number(scale.value),
        numSteps: Number(steps.value),
        eta: Number(eta.value),
        seed: Number(seed.value),
      };
    }

    async restart() {
      const turn = ++this.turn;
      const { name, label, seed, ...rest } = this.settings();
      this.ready = false;
      try {
        this.network = await network(name);
      } catch (error) {
        if (turn === this.turn) this.fail(error);
        return;
      }
      if (turn !== this.turn) return;
      const normals = ddim.normals(seed);
      const noise = () => normals(this.network.size);
      const xT = noise();
      this.frames = [{ t: this.network.alphasCumprod.length - 1, x: xT, x0Hat: null }];
      this.steps = ddim.sample(this.network.model, xT, this.network, { label: label ?? this.network.nullLabel, noise, ...rest });
      this.slider.max = rest.numSteps;
      this.ready = true;
      this.show(0);
      this.play();
    }

    async play() {
      const turn = this.turn;
      const run = (this.running = Symbol("run"));
      this.status.textContent = "";
      this.mark();
      while (this.running === run && turn === this.turn && this.shown < this.slider.max) {
        if (!(await this.reach(this.shown + 1, turn)) || this.running !== run) return;
        if (!STILL.matches || this.shown + 1 === Number(this.slider.max)) this.show(this.shown + 1);
        else this.shown += 1;
        await new Promise((resolve) => setTimeout(resolve, STILL.matches ? 0 : A_STEP));
      }
      if (this.running === run && turn === this.turn) this.end();
    }

    // Have frame number *wanted*; false if other settings hold by now.
    reach(wanted, turn) {
      this.queue = (this.queue ?? Promise.resolve()).then(() => this.compute(wanted, turn));
      return this.queue;
    }

    async compute(wanted, turn) {
      try {
        while (turn === this.turn && this.frames.length <= wanted) {
          const { value } = await this.steps.next();
          if (turn !== this.turn) return false;
          this.frames.push(value);
        }
      } catch (error) {
        if (turn === this.turn) this.fail(error);
        return false;
      }
      return turn === this.turn;
    }

    end() {
      this.running = null;
      this.mark();
      const { label, numSteps } = this.settings();
      this.status.textContent = `Done: ${label === null ? "a digit" : `a ${label}`} in ${numSteps} steps.`;
    }

    toggle() {
      if (!this.ready) return;
      if (this.running) this.stop(this.shown);
      else {
        if (this.shown === Number(this.slider.max)) this.show(0);
        this.play();
      }
    }

    async stop(wanted) {
      if (!this.ready) return;
      this.running = null;
      this.mark();
      wanted = Math.max(0, Math.min(wanted, Number(this.slider.max)));
      this.asked = wanted;
      if ((await this.reach(wanted, this.turn)) && this.asked === wanted) this.show(wanted);
    }

    fail(error) {
      this.running = null;
      this.mark();
      this.status.textContent = sorry(error);
    }

    mark() {
      const text = this.running ? "Pause" : "Run";
      this.run.textContent = text;
      this.run.setAttribute("aria-label", text);
    }

    show(which) {
      this.shown = which;
      const { t, x, x0Hat } = this.frames[which];
      const words = `t = ${t}, step ${which} of ${this.slider.max}`;
      this.slider.value = which;
      this.slider.setAttribute("aria-valuetext", words);
      this.told.value = words;
      [x, x0Hat].forEach((picture, i) => {
        const { canvas, words } = this.pictures[i];
        draw(canvas, picture, this.network.shape);
        canvas.setAttribute("aria-label", picture ? `${words}, at t = ${t}` : `${words}: nothing yet`);
      });
    }

    download() {
      if (!this.ready) return;
      const [{ canvas }] = this.pictures;
      const side = canvas.width * Math.ceil(280 / canvas.width);
      const large = element("canvas", { width: side, height: side });
      const pen = large.getContext("2d");
      pen.imageSmoothingEnabled = false;
      pen.drawImage(canvas, 0, 0, side, side);
      const { name, label, seed } = this.settings();
      const file = `${name}-${label ?? "any"}-seed-${seed}-t-${this.frames[this.shown].t}.png`;
      large.toBlob((blob) => {
        const link = element("a", { href: URL.createObjectURL(blob), download: file });
        link.click();
        URL.revokeObjectURL(link.href);
      });
    }
  }

  const sorry = (error) => `The network could not be run: ${error.message}. The film on this page shows a run that was made before.`;

  // -1 black, 1 white, as every picture of the book; mid grey for none.
  function draw(canvas, picture, [, height, width]) {
    Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      const value = picture ? (Math.max(-1, Math.min(1, picture[i])) + 1) * 127.5 : 127.5;
      image.data.set([value, value, value, 255], 4 * i);
    }
    pen.putImageData(image, 0, 0);
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const host of document.querySelectorAll(".dl-sampler")) host.sampler = new Sampler(host);
  });
  window.diffusionSampler = { network };
})();
