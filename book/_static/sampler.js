/* A sampler in the page: the book's network, run where it is read.

   It stands where the text has <div class="dl-sampler">. What the form says
   when the page opens can be given as attributes of that div, one for each
   name in FIELDS or OTHERS below (data-label="7", data-steps="20", …), and
   by the address, which comes first: #sampler?label=7&steps=20. The second
   sampler of a page is #sampler-2, and both can stand in one address:
   #sampler?label=7/sampler-2?label=3. */
"use strict";

(() => {
  const { KNOWN, whyNot, missing, share, facts, network } = diffusionNetworks;
  const A_STEP = 90; // milliseconds, so that an eye can follow
  const A_BREATH = 500; // milliseconds after a stroke, before it is sampled from
  const PATIENCE = 1000; // milliseconds that letters are waited for
  const STILL = matchMedia("(prefers-reduced-motion: reduce)");
  const NARROW = matchMedia("(max-width: 600px)"); // as in sampler.css
  const MANY = 12; // pictures of one grid, of as many seeds
  const CLASSES = Array.from({ length: 10 }, (_, i) => i);
  const SEEDS = 10000;
  const [COLUMNS, GAP] = [4, 1]; // of a grid

  // name: [words, [[value, text], …]]; no values: a whole number below SEEDS.
  const FIELDS = {
    network: ["Digits of", [["mnist", "28 × 28"], ["digits", "8 × 8"], ["digits_flow", "8 × 8, a flow"]]],
    label: ["Class", [["", "any"], ...CLASSES.map((i) => [i])]],
    steps: ["Steps", [[5], [10], [20], [50], [100]]],
    solver: ["Solver", [["ddim", "DDIM"], ["heun", "Heun"]]],
    scale: ["Guidance scale", [[0], [1], [1.5], [2], [3], [5]]],
    eta: ["Fresh noise η", [[0], [0.5], [1]]],
    seed: ["Seed", null],
    show: ["Pictures", [["one", "one"], ["seeds", `${MANY} seeds`], ["classes", "10 classes"]]],
    compare: ["Compare two", [["", "no"], ["label", "classes"], ["steps", "steps"], ["solver", "solvers"], ["scale", "scales"], ["eta", "η"], ["seed", "seeds"], ["t", "t"], ["passes", "passes"]]],
  };
  const PASSES = Array.from({ length: 10 }, (_, i) => [i + 1]);
  const TIMES = Array.from({ length: 20 }, (_, i) => [50 * (i + 1)]);
  const OTHERS = {
    start: ["Start from", [["noise", "Noise"], ["drawing", "My drawing"], ["hole", "A hole in it"]]],
    t: ["Noised to t =", TIMES],
    passes: ["Passes per step", PASSES],
    second: ["The second value", null], // of what is compared
    drawing: ["The drawing", null],
  };
  const FURTHER = { t: 15, passes: 7 }; // the second value is so many on, else the next
  const ALL = { ...FIELDS, ...OTHERS };
  const USUAL = { network: "mnist", label: "7", steps: "20", solver: "ddim", scale: "2", eta: "0", seed: "0", show: "one", compare: "", start: "noise", t: "700", passes: "3", second: "", drawing: "" };

  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const options = (values) => values.map(([value, text]) => element("option", { value, textContent: text ?? value }));
  const chooser = (name, words, values) => element("label", {}, element("span", { textContent: words }), element("select", { name }, ...options(values)));
  const number = (name, words) => element("label", {}, element("span", { textContent: words }), element("input", { name, type: "number", min: 0, max: SEEDS - 1, step: 1, inputMode: "numeric" }));
  // The one <button> of a sampler is Run; all else that can be pressed is less.
  const command = (text, act, words = text) => {
    const made = element("input", { type: "button", value: text, onclick: act });
    made.setAttribute("aria-label", words);
    return made;
  };
  const allowed = (name, value) => {
    const [, values] = ALL[name];
    if (values) return values.some(([one]) => String(one) === value);
    return name !== "seed" || (/^\d{1,4}$/.test(value));
  };

  class Sampler {
    constructor(host, id) {
      this.host = host;
      this.id = id;
      if (!document.getElementById(id)) host.id = id;
      this.turn = 0; // which run holds: what an older turn computes is dropped
      const no = whyNot();
      if (no) this.excuse(no);
      else this.build();
    }

    excuse(why) {
      const words = `Here the network itself would run, but ${why}. The film on this page shows a run that was made before.`;
      this.host.replaceChildren(element("p", { className: "dl-sampler-why", textContent: words }));
    }

    /* 1. What stands in the page. */

    build() {
      this.form = element("form", { autocomplete: "off" }, this.startBox(), this.boardBox());
      this.form.onsubmit = (event) => event.preventDefault();
      this.form.oninput = ({ target }) => target.name === "t" && this.preview();
      this.form.onchange = ({ target }) => Object.hasOwn(ALL, target.name) && this.chosen(target.name);
      this.place = element("div", { className: "dl-runs" });
      this.slider = element("input", { type: "range", min: 0, step: 1, value: 0 });
      this.slider.setAttribute("aria-label", "step of the sampler");
      this.slider.oninput = () => this.stop(Number(this.slider.value));
      this.told = element("output");
      this.back = command("‹", () => this.stop(this.shown - 1), "One step back");
      this.run = element("button", { type: "button", textContent: "Run", onclick: () => this.toggle() });
      this.run.className = "dl-run-button";
      this.forth = command("›", () => this.stop(this.shown + 1), "One step on");
      this.another = command("Again", () => this.again(), "Again, with another noise");
      this.save = command("Save picture", () => this.download());
      this.link = command("Copy link", () => this.copy());
      this.status = element("p", { className: "dl-status", role: "status" });
      this.bar = element("progress", { max: 1, value: 0, hidden: true });
      this.bar.setAttribute("aria-label", "How much of the network is loaded");
      this.form.append(
        this.place,
        element("div", { className: "dl-track" }, this.slider, this.told),
        element("div", { className: "dl-buttons" }, this.back, this.run, this.forth, this.another, this.save, this.link),
        (this.said = element("div", { className: "dl-said" }, this.status, this.bar)),
        this.fields());
      this.settle();
      NARROW.addEventListener("change", () => this.settle());
      this.host.replaceChildren(this.form);
      const { asked, wrong } = this.asked();
      this.write({ ...USUAL, ...asked });
      this.preview();
      if (wrong) this.say(wrong);
    }

    startBox() {
      const [words, values] = OTHERS.start;
      const radios = values.map(([value, text]) => element("label", {}, element("input", { type: "radio", name: "start", value }), element("span", { textContent: text })));
      return element("fieldset", { className: "dl-choice" }, element("legend", { textContent: words }), ...radios);
    }

    boardBox() {
      this.board = new DrawingBoard((finished) => this.drawn(finished));
      const tools = [["pen", "Pen"], ["rubber", "Rubber"], ["hole", "Hole"]].map(([value, text]) => {
        const tool = element("input", { type: "radio", name: "tool", value, checked: value === "pen" });
        tool.onchange = () => (this.board.tool = value);
        return element("label", {}, tool, element("span", { textContent: text }));
      });
      this.tools = element("fieldset", { className: "dl-choice" }, element("legend", { textContent: "Draw with" }), ...tools);
      const ready = element("select", {}, ...options([["", "…"], ...CLASSES.map((i) => [i])]));
      ready.onchange = () => {
        const { label } = this.form.elements;
        if (label.value !== "") label.value = ready.value; // what is drawn is what it is led to
        this.board.digit(Number(ready.value));
        ready.value = "";
      };
      const halves = element("select", {}, ...options([["", "…"], ["top", "top half"], ["bottom", "bottom half"], ["left", "left half"], ["right", "right half"]]));
      halves.onchange = () => {
        if (halves.value) this.board.cut(halves.value);
        halves.value = "";
      };
      this.halves = element("label", {}, element("span", { textContent: "Cut out the" }), halves);
      this.takes = command("Take the result", () => this.board.take(this.result), "Take the result as the drawing");
      this.times = element("label", { className: "dl-wide" }, element("span", {}, "Noised to ", element("i", { textContent: "t" }), " = ", (this.time = element("output"))), element("input", { name: "t", type: "range", min: 50, max: 1000, step: 50 }));
      this.passes = chooser("passes", ...OTHERS.passes);
      this.sketch = element("div", { className: "dl-board", hidden: true },
        element("div", { className: "dl-paper" }, this.board.canvas, this.board.here, this.board.said),
        element("div", { className: "dl-tools" },
          this.tools,
          element("div", { className: "dl-buttons" }, command("Undo", () => this.board.undo()), command("Clear", () => this.board.clear()), this.takes)));
      this.more = element("div", { className: "dl-more" },
        element("div", { className: "dl-fields" }, element("label", {}, element("span", { textContent: "Draw me a" }), ready), this.halves, this.times, this.passes),
        (this.hint = element("p")));
      return this.sketch;
    }

    // Beside the board; on a phone below the pictures, so that these are near it.
    settle() {
      if (NARROW.matches) this.said.after(this.more);
      else this.sketch.lastChild.append(this.more);
    }

    fields() {
      const made = Object.entries(FIELDS).map(([name, [words, values]]) => (values ? chooser(name, words, values) : number(name, words)));
      this.seconds = element("label", {}, element("span", { textContent: "and" }), element("select", { name: "second" }));
      return element("div", { className: "dl-fields dl-settings" }, ...made, this.seconds);
    }

    invitation() {
      const size = missing(this.read().network);
      return size ? `Run loads the network first: ${size.toFixed(1)} MB, once.` : "";
    }

    // What is said again is not read aloud again.
    say(words) {
      if (this.status.textContent !== words) this.status.textContent = words;
    }

    /* 2. The settings: in the form, in the address, and what follows. */

    // As text, {name: value}; what the form cannot mean is put right.
    read() {
      const { elements } = this.form;
      for (const field of [elements.seed, elements.second]) {
        if (field.type === "number" && (!field.checkValidity() || field.value === "")) field.value = 0;
      }
      const values = Object.fromEntries(Object.keys(ALL).map((name) => [name, elements[name]?.value ?? ""]));
      return { ...values, drawing: values.start === "noise" ? "" : this.board.text };
    }

    write(values) {
      const { elements } = this.form;
      for (const name of [...Object.keys(FIELDS), "start", "t", "passes"]) elements[name].value = values[name];
      this.board.resize(KNOWN[values.network].shape[2]);
      if (values.drawing) this.board.text = values.drawing;
      this.arrange(values.second);
    }

    // What can be set now, and what it is set to.
    arrange(second) {
      const { label, scale, show, compare, solver, eta } = this.form.elements;
      const start = this.form.elements.start.value;
      const led = show.value === "classes" || label.value !== ""; // else there is no class to be led to
      const chance = solver.value !== "heun"; // Heun's path is fixed by its start
      const able = { label: show.value !== "classes", scale: led, eta: chance, t: start === "drawing", passes: start === "hole" };
      for (const option of compare.options) option.disabled = option.hidden = able[option.value] === false;
      if (compare.selectedOptions[0].disabled) compare.value = "";
      label.disabled = !able.label;
      scale.disabled = !led && compare.value !== "label";
      eta.disabled = !chance && compare.value !== "solver";
      this.board.resize(KNOWN[this.form.elements.network.value].shape[2]);
      this.board.holes = start === "hole";
      this.sketch.hidden = this.more.hidden = start === "noise";
      this.halves.hidden = this.passes.hidden = start !== "hole";
      this.times.hidden = start !== "drawing";
      const [pen, , hole] = this.tools.querySelectorAll("input");
      hole.parentElement.hidden = start !== "hole";
      if (hole.checked && start !== "hole") {
        pen.checked = true;
        this.board.tool = "pen";
      }
      const what = start === "hole"
        ? "Draw a digit, or take one, and make a hole in it: the network fills the hole, and keeps the rest."
        : "Draw a digit, or take one. The more noise, the less of it is left, and the more its class has a say.";
      this.hint.textContent = `${what} After the first Run it runs each time the pen is lifted.`;
      this.board.show();
      this.takes.disabled = this.result?.length !== this.board.pixels.length;
      this.offerSecond(second);
      this.name();
    }

    // The other value of what is compared; at first the next one.
    offerSecond(wanted) {
      const { elements } = this.form;
      const what = elements.compare.value;
      this.seconds.classList.toggle("dl-gone", !what);
      if (!what) return;
      const [words, values] = ALL[what];
      if (elements.second.dataset.of !== what) {
        const field = values ? element("select", { name: "second" }, ...options(values)) : number("second", words).lastChild;
        field.dataset.of = what;
        field.setAttribute("aria-label", `The second value: ${words}`);
        const first = elements[what].value;
        const at = values?.findIndex(([value]) => String(value) === first) + (FURTHER[what] ?? 1);
        field.value = values ? values[at % values.length][0] : (Number(first) + 1) % SEEDS;
        elements.second.replaceWith(field);
      }
      if (wanted !== undefined && allowed(what, wanted)) elements.second.value = wanted;
    }

    // What the page and the address ask for, and what of it makes no sense.
    asked() {
      const asked = {};
      let wrong = "";
      const inAddress = inHash(this.id);
      for (const name of Object.keys(ALL)) {
        const value = inAddress?.get(name) ?? this.host.dataset[name];
        const kind = name === "second" ? asked.compare : name;
        if (value === undefined || !kind) continue;
        if (allowed(kind, value)) asked[name] = value;
        else wrong = `This address or page asks for ${name} = ${value}; it can be ${choices(kind)}.`;
      }
      if (asked.drawing) {
        this.board.resize(KNOWN[asked.network ?? USUAL.network].shape[2]);
        try {
          this.board.text = asked.drawing;
        } catch (error) {
          delete asked.drawing;
          wrong = error.message;
        }
      }
      return { asked, wrong };
    }

    // All that makes this picture, for the address.
    get words() {
      const values = this.read();
      const always = ["network", "label", "steps", "scale", "eta", "seed"];
      const useful = {
        solver: values.solver !== "ddim",
        show: values.show !== "one",
        start: values.start !== "noise",
        t: values.start === "drawing",
        passes: values.start === "hole",
        drawing: values.start !== "noise",
        compare: values.compare !== "",
        second: values.compare !== "",
      };
      const told = Object.keys(ALL).filter((name) => always.includes(name) || useful[name]);
      return new URLSearchParams(told.map((name) => [name, values[name]])).toString();
    }

    // Something was chosen: the address says so, and the pictures follow.
    chosen(name) {
      this.arrange();
      if (name === "start" && this.read().start === "hole") this.ready();
      toAddress(this);
      this.follow();
    }

    // A hole needs a digit to be in: the one that is asked for, half of it.
    ready() {
      if (this.board.holed) return;
      if (this.board.empty) this.board.digit(Number(this.form.elements.label.value || 3));
      this.board.cut("bottom");
    }

    drawn(finished) {
      this.halt();
      this.preview();
      clearTimeout(this.breath);
      this.breath = finished && setTimeout(() => {
        this.written();
        this.follow();
      }, A_BREATH);
    }

    // A drawing that waited for another stroke is in the address now.
    written() {
      if (!this.breath) return;
      clearTimeout(this.breath);
      this.breath = null;
      toAddress(this);
    }

    // Run with what holds now if there is a network, else show where it begins.
    follow() {
      const blank = this.read().start !== "noise" && this.board.empty;
      if (this.network && !blank) this.restart();
      else this.preview();
    }

    again() {
      const { seed, second, show, compare } = this.form.elements;
      for (const field of compare.value === "seed" ? [seed, second] : [seed]) {
        field.value = (Number(field.value) + (show.value === "seeds" ? MANY : 1)) % SEEDS;
      }
      this.chosen("seed");
    }

    async copy() {
      toAddress(this);
      try {
        await navigator.clipboard.writeText(location.href);
        this.say("The link is copied: it opens this page with these settings.");
      } catch {
        this.say("The link stands in the address line: it opens this page with these settings.");
      }
    }

    /* 3. The runs: one, or two that differ in one setting. */

    // What each run is to do, from the form.
    plans() {
      const values = this.read();
      const { compare, second } = values;
      const all = compare ? [values, { ...values, [compare]: second }] : [values];
      return all.map((one) => {
        const count = { one: 1, seeds: MANY, classes: CLASSES.length }[one.show];
        const seed = Number(one.seed);
        const label = one.label === "" ? null : Number(one.label);
        const from = one.start === "drawing" ? Number(one.t) : null;
        return {
          name: one.network,
          title: compare ? `${ALL[compare][0]} ${nameOf(compare, one[compare])}` : "",
          labels: one.show === "classes" ? CLASSES : Array(count).fill(label),
          seeds: Array.from({ length: count }, (_, i) => (one.show === "seeds" ? (seed + i) % SEEDS : seed)),
          numSteps: from ? Math.min(Number(one.steps), from) : Number(one.steps),
          scale: label === null && one.show !== "classes" ? 1 : Number(one.scale),
          solver: one.solver,
          eta: one.solver === "heun" ? 0 : Number(one.eta),
          from,
          passes: one.start === "hole" ? Number(one.passes) : null,
        };
      });
    }

    // Where a run begins, and the noise that it will need; known: of the network.
    begin(plan, known) {
      const normals = plan.seeds.map((seed) => ddim.normals(seed));
      const size = known.shape.reduce((a, b) => a * b);
      const together = (each) => {
        const all = new Float32Array(size * plan.seeds.length);
        plan.seeds.forEach((_, i) => all.set(each(i), i * size));
        return all;
      };
      const noise = () => together((i) => normals[i](size));
      const first = noise();
      const picture = this.board.picture;
      const drawing = () => together(() => picture);
      const t = plan.from ?? KNOWN[plan.name].numSteps;
      const x = plan.from ? ddim.noised(drawing(), 0, t, first, known.alphasCumprod) : first;
      const mask = this.board.mask;
      const part = plan.passes ? { known: drawing(), mask: together(() => mask), passes: plan.passes } : undefined;
      return { plan, frames: [{ t, x, x0Hat: null }], noise, from: plan.from ?? undefined, part, shape: known.shape };
    }

    // Before anything is run: the noise of the seeds, the drawing under noise.
    async preview() {
      const turn = this.halt();
      this.forget();
      const plans = this.plans();
      this.say(this.invitation());
      this.time.value = this.form.elements.t.value;
      const noise = (plan) => this.begin({ ...plan, from: null }, KNOWN[plan.name]);
      if (!this.runs) this.lay(plans.map(noise)); // until it is known how much of a drawing is left
      try {
        const table = plans[0].from ? await facts() : KNOWN;
        if (turn === this.turn) this.lay(plans.map((plan) => this.begin(plan, table[plan.name])));
      } catch (error) {
        if (turn === this.turn) this.fail(error);
      }
    }

    async restart() {
      this.written();
      const { network: name } = this.read();
      const wish = (this.wish = Symbol(name));
      if (missing(name)) this.loading(name);
      let loaded;
      try {
        loaded = await network(name);
      } catch (error) {
        if (wish === this.wish) this.refused(error);
        return;
      }
      if (wish !== this.wish) return;
      this.loading(null);
      this.network = loaded;
      this.used = { ...this.read(), drawing: this.board.text };
      const turn = this.halt();
      this.lay(this.plans().map((plan) => this.begin(plan, loaded)));
      for (const run of this.runs) {
        const { plan, frames, noise, from, part } = run;
        const label = plan.labels.map((label) => label ?? loaded.nullLabel);
        run.steps = ddim.sample(loaded.model, frames[0].x, loaded, { ...plan, label, noise, from, part });
      }
      if (turn === this.turn) this.play();
    }

    // The network did not come: what was there before goes on to hold.
    refused(error) {
      this.loading(null);
      if (this.used && this.used.network !== this.read().network) {
        this.write(this.used);
        toAddress(this);
      }
      this.fail(error);
    }

    loading(name) {
      clearInterval(this.watch);
      this.bar.hidden = !name;
      this.run.setAttribute("aria-disabled", Boolean(name));
      if (!name) return;
      this.say(`Loading ${missing(name).toFixed(1)} MB …`);
      this.bar.value = share(name);
      this.watch = setInterval(() => (this.bar.value = share(name)), 100);
    }

    halt() {
      this.running = null;
      this.mark();
      return ++this.turn;
    }

    // What was run is over; Run begins anew.
    forget() {
      this.runs?.forEach((run) => delete run.steps);
    }

    get going() {
      return Boolean(this.runs?.[0].steps);
    }

    async play() {
      const turn = this.turn;
      const run = (this.running = Symbol("run"));
      this.say("");
      this.mark();
      while (this.running === run && turn === this.turn && this.shown < this.last) {
        if (!(await this.reach(this.shown + 1, turn)) || this.running !== run) return;
        if (!STILL.matches || this.shown + 1 === this.last) this.show(this.shown + 1);
        else this.shown += 1;
        await new Promise((resolve) => setTimeout(resolve, STILL.matches ? 0 : A_STEP));
      }
      if (this.running === run && turn === this.turn) this.end();
    }

    // Have frame number *wanted* of every run; false if other settings hold by now.
    reach(wanted, turn) {
      this.queue = (this.queue ?? Promise.resolve()).then(() => this.compute(wanted, turn));
      return this.queue;
    }

    async compute(wanted, turn) {
      try {
        for (const run of this.runs) {
          while (turn === this.turn && run.frames.length <= this.of(run, wanted)) {
            const { value } = await run.steps.next();
            if (turn !== this.turn) return false;
            run.frames.push(value);
          }
        }
      } catch (error) {
        if (turn !== this.turn) return false;
        this.forget();
        this.fail(error);
        return false;
      }
      return turn === this.turn;
    }

    // Which frame of a run stands beside number *which* of the longest one.
    of(run, which) {
      return Math.floor((which * run.plan.numSteps) / this.last);
    }

    end() {
      this.running = null;
      this.mark();
      const [{ frames }] = this.runs;
      const size = this.network.size;
      this.result = frames.at(-1).x.slice(0, size);
      this.takes.disabled = size !== this.board.pixels.length;
      const labels = [...new Set(this.runs.map((run) => run.plan.labels[0]))];
      const what = {
        one: labels.map((label) => (label === null ? "any digit" : `${label === 8 ? "an" : "a"} ${label}`)).join(" and "),
        seeds: `${MANY} digits`,
        classes: "all ten classes",
      }[this.used.show];
      const steps = [...new Set(this.runs.map((run) => run.plan.numSteps))].join(" and ");
      const heun = this.runs.some(({ plan }) => plan.solver === "heun");
      const calls = [...new Set(this.runs.map(({ plan: { solver, numSteps, passes } }) => (solver === "heun" ? 2 * numSteps - 1 : numSteps) * (passes ?? 1)))].join(" and ");
      this.say(`Done: asked for ${what}, ${steps} steps${heun ? `, ${calls} calls of the network` : ""}${this.runs.length > 1 ? ", two runs" : ""}.`);
    }

    toggle() {
      if (this.run.getAttribute("aria-disabled") === "true") return;
      if (this.running) this.stop(this.shown);
      else if (!this.going) this.restart();
      else {
        if (this.shown === this.last) this.show(0);
        this.play();
      }
    }

    async stop(wanted) {
      if (!this.going) {
        this.slider.value = 0; // nothing is run before it is asked for
        return;
      }
      this.running = null;
      this.mark();
      wanted = Math.max(0, Math.min(wanted, this.last));
      this.wanted = wanted;
      if ((await this.reach(wanted, this.turn)) && this.wanted === wanted) this.show(wanted);
    }

    fail(error) {
      this.running = null;
      this.mark();
      this.say(`The network could not be run: ${error.message}. The film on this page shows a run that was made before.`);
    }

    mark() {
      const text = this.running ? "Pause" : "Run";
      this.run.textContent = text;
      this.run.setAttribute("aria-label", text);
    }

    /* 4. The pictures. */

    // Runs in their places: pictures, slider and words as at their beginning.
    lay(runs) {
      const alike = this.runs?.length === runs.length;
      this.runs = runs;
      this.last = Math.max(...runs.map((run) => run.plan.numSteps));
      if (!alike) this.makeRoom(runs.length);
      this.place.classList.toggle("dl-many", runs[0].plan.seeds.length > 1);
      this.name();
      this.slider.max = this.last;
      this.show(0);
    }

    makeRoom(count) {
      this.boxes = Array.from({ length: count }, () => {
        const title = element("p", { className: "dl-title" });
        const pictures = [["x", "t", "the picture so far"], ["x̂", "0", "the digit as it guesses it"]].map(([letter, index, words]) => {
          const canvas = element("canvas");
          canvas.setAttribute("role", "img");
          const caption = element("figcaption", {}, element("i", {}, letter), element("sub", {}, index), `, ${words}`);
          return { words, canvas, figure: element("figure", {}, canvas, caption) };
        });
        return { title, pictures, box: element("div", {}, title, element("div", { className: "dl-pictures" }, ...pictures.map((p) => p.figure))) };
      });
      this.place.replaceChildren(...this.boxes.map(({ box }) => box));
      this.place.classList.toggle("dl-two", count > 1);
    }

    name() {
      this.runs?.forEach(({ plan }, i) => {
        this.boxes[i].title.textContent = plan.title;
        this.boxes[i].title.hidden = !plan.title;
      });
    }

    show(which) {
      this.shown = which;
      const frames = this.runs.map((run) => run.frames[this.of(run, which)]);
      const times = [...new Set(frames.map(({ t }) => t))].join(" and ");
      const words = `t = ${times}, step ${which} of ${this.last}`;
      this.slider.value = which;
      this.slider.setAttribute("aria-valuetext", words);
      this.told.value = words;
      frames.forEach(({ t, x, x0Hat }, run) => {
        const { plan, shape } = this.runs[run];
        [x, x0Hat].forEach((picture, i) => {
          const { canvas, words } = this.boxes[run].pictures[i];
          draw(canvas, picture, shape, plan.seeds.length);
          const name = plan.title ? `${plan.title}: ${words}` : words;
          canvas.setAttribute("aria-label", picture ? `${name}, at t = ${t}` : `${name}: nothing yet`);
        });
      });
    }

    download() {
      const canvases = this.boxes.map(({ pictures }) => pictures[0].canvas);
      const [{ width, height }] = canvases;
      const by = Math.ceil(280 / width);
      const [wide, high] = [width * by, height * by];
      const large = element("canvas", { width: wide * canvases.length + 20 * (canvases.length - 1), height: high });
      const pen = large.getContext("2d");
      pen.imageSmoothingEnabled = false;
      canvases.forEach((canvas, i) => pen.drawImage(canvas, i * (wide + 20), 0, wide, high));
      const { plan, frames } = this.runs[0];
      const { show } = this.read();
      const label = show === "classes" ? "classes" : plan.labels[0] ?? "any";
      const file = `${plan.name}-${label}-seed-${plan.seeds[0]}-t-${frames[this.of(this.runs[0], this.shown)].t}.png`;
      large.toBlob((blob) => {
        const link = element("a", { href: URL.createObjectURL(blob), download: file });
        link.click();
        URL.revokeObjectURL(link.href);
      });
    }
  }

  const nameOf = (name, value) => ALL[name][1]?.find(([one]) => String(one) === value)?.[1] ?? value;
  const choices = (name) => (ALL[name][1] ? ALL[name][1].map(([value]) => (value === "" ? "nothing" : value)).join(", ") : `a whole number from 0 to ${SEEDS - 1}`);

  // -1 black, 1 white, as every picture of the book; mid grey for none. More
  // than one stand in a grid.
  function draw(canvas, pictures, [, height, width], count) {
    const columns = Math.min(count, COLUMNS);
    const rows = Math.ceil(count / columns);
    Object.assign(canvas, { width: columns * (width + GAP) - GAP, height: rows * (height + GAP) - GAP });
    const pen = canvas.getContext("2d");
    const size = width * height;
    for (let which = 0; which < count; which++) {
      const image = pen.createImageData(width, height);
      for (let i = 0; i < size; i++) {
        const value = pictures ? (Math.max(-1, Math.min(1, pictures[which * size + i])) + 1) * 127.5 : 127.5;
        image.data.set([value, value, value, 255], 4 * i);
      }
      pen.putImageData(image, (which % columns) * (width + GAP), Math.floor(which / columns) * (height + GAP));
    }
  }

  /* 5. The address: #sampler?label=7&seed=3/sampler-2?label=1 */

  const spoken = () => new Map(location.hash.slice(1).split("/").map((words) => words.split("?")).filter(([id, words]) => /^sampler(-\d+)?$/.test(id) && words));
  const inHash = (id) => (spoken().has(id) ? new URLSearchParams(spoken().get(id)) : null);

  // In the place of what stood there; an anchor stays in the history.
  function toAddress({ id, words }) {
    const all = spoken().set(id, words);
    const hash = `#${[...all].map(([id, words]) => `${id}?${words}`).join("/")}`;
    if (hash === location.hash) return;
    const anchor = location.hash !== "" && spoken().size === 0;
    history[anchor ? "pushState" : "replaceState"](history.state, "", hash);
  }

  // A page that a link opens at its sampler is shown once it stands still:
  // the letters are there, and the other scripts have had their turn.
  async function arrive(sampler) {
    const letters = document.fonts.ready;
    await new Promise((resolve) => setTimeout(resolve));
    await Promise.race([letters, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
    const [entry] = performance.getEntriesByType("navigation");
    if (entry?.type === "navigate") sampler?.host.scrollIntoView();
    document.documentElement.classList.remove("dl-arrives");
  }

  addEventListener("DOMContentLoaded", () => {
    const samplers = [...document.querySelectorAll(".dl-sampler")].map((host, i) => (host.sampler = new Sampler(host, i ? `sampler-${i + 1}` : "sampler")));
    const first = samplers.find(({ id, form }) => form && inHash(id));
    arrive(first);
    addEventListener("hashchange", () => {
      for (const sampler of samplers) {
        const words = inHash(sampler.id);
        if (!sampler.form || !words || String(words) === sampler.words) continue;
        const { asked, wrong } = sampler.asked();
        sampler.write({ ...USUAL, ...asked });
        sampler.follow();
        if (wrong) sampler.say(wrong);
      }
    });
  });
  window.diffusionSampler = { network };
})();
