/* The networks of the samplers in the page. Nothing is fetched before it is
   asked for, everything once, and what failed can be asked for again.

   The server has to do no more than to serve files: no type but that of .js
   is relied on, and what is packed may arrive unpacked. A content policy has
   to allow script-src 'self' 'wasm-unsafe-eval' and connect-src 'self'. */
"use strict";

const diffusionNetworks = (() => {
  const { src, dataset } = document.currentScript;
  const BASE = new URL("sampler/", src);
  const FILES = JSON.parse(dataset.files ?? "null"); // {name: bytes}, or none
  const KNOWN = JSON.parse(dataset.networks ?? "{}"); // {name: {shape, numSteps}}
  const FACTS = "networks.json";
  const SCRIPT = "ort.wasm.min.js";
  const MODULE = "ort-wasm-simd-threaded.js";
  const BINARY = "ort-wasm-simd-threaded.wasm.gz";
  const EMPTY = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0); // a WebAssembly program
  const AT_ONCE = 4; // pictures through a network before the page may breathe

  function whyNot() {
    if (FILES === null) return "this build of the book comes without it (it was made without npm)";
    if (location.protocol === "file:") return "a browser runs no network in a page opened from disk (make serve shows the book at an address)";
    if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function") return "this browser is too old for it";
    if (typeof ddim !== "object") return "a part of this page did not arrive (load it again)";
    return null;
  }

  const needed = (name) => [SCRIPT, MODULE, BINARY, FACTS, `${name}.onnx`];
  const arrived = {}; // {file: bytes}
  const total = (names, bytes) => names.reduce((sum, name) => sum + (bytes[name] ?? 0), 0);

  // What the network still needs, in megabytes; 0 if it is here.
  const missing = (name) => total(needed(name).filter((file) => arrived[file] !== FILES[file]), FILES) / 1e6;
  // How much of it is here, 0 to 1.
  const share = (name) => total(needed(name), arrived) / total(needed(name), FILES);

  // After a failure nothing is taken from where the failure may be kept.
  let failures = 0;
  const kept = {};
  function once(name, load) {
    kept[name] ??= load().catch((error) => {
      failures += 1;
      delete kept[name];
      throw error;
    });
    return kept[name];
  }
  const address = (name) => new URL(failures ? `${name}?again=${failures}` : name, BASE);

  const file = (name) => once(name, async () => {
    const parts = [];
    let answer;
    arrived[name] = 0;
    try {
      answer = await fetch(new URL(name, BASE), failures ? { cache: "reload" } : {});
      const reader = answer.ok ? answer.body.getReader() : null;
      for (let part; reader && !(part = await reader.read()).done;) {
        parts.push(part.value);
        arrived[name] = Math.min(arrived[name] + part.value.length, FILES[name]);
      }
    } catch {
      throw new Error(`${name} did not arrive (is there a connection?)`);
    }
    if (!answer.ok) throw new Error(`${name} is missing (the server says ${answer.status})`);
    arrived[name] = FILES[name];
    return new Blob(parts);
  });

  // As it was before it was packed, by us and perhaps by the server.
  async function unpacked(blob) {
    const [first, second] = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
    if (first !== 0x1f || second !== 0x8b) return blob.arrayBuffer();
    const stream = blob.stream().pipeThrough(new DecompressionStream("gzip"));
    return unpacked(await new Response(stream).blob());
  }

  // A file that is not what it should be is fetched again when asked again.
  async function read(name, how) {
    const blob = await file(name);
    try {
      return await how(blob);
    } catch {
      failures += 1;
      delete kept[name];
      throw new Error(`${name} is not what it should be`);
    }
  }

  const facts = () => once("facts", () => read(FACTS, async (blob) => JSON.parse(await blob.text())));

  const script = () => once("script", () => new Promise((resolve, reject) => {
    const made = document.createElement("script");
    const failed = () => reject(new Error(`${SCRIPT} did not arrive`));
    made.src = address(SCRIPT);
    made.onload = () => {
      if (typeof ort === "undefined") return failed(); // it was something else
      resolve((arrived[SCRIPT] = FILES[SCRIPT]));
    };
    made.onerror = failed;
    document.head.append(made);
  }));

  const module = () => once("module", async () => {
    const { href } = address(MODULE);
    await import(href).catch(() => {
      throw new Error(`${MODULE} did not arrive`);
    });
    arrived[MODULE] = FILES[MODULE];
    return href;
  });

  const runtime = () => once("runtime", async () => {
    try {
      new WebAssembly.Module(EMPTY);
    } catch {
      throw new Error("this site's content policy forbids WebAssembly (its script-src lacks 'wasm-unsafe-eval')");
    }
    const [wasmBinary, mjs] = await Promise.all([read(BINARY, unpacked), module(), script()]);
    Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: { mjs }, wasmBinary });
    return ort;
  });

  // {shape, size, alphasCumprod, predicts, nullLabel, model}; one pass at a time.
  const network = (name) => once(`network ${name}`, async () => {
    const weights = `${name}.onnx`;
    const [{ [name]: known }, blob, engine] = await Promise.all([facts(), file(weights), runtime()]);
    const { Tensor, InferenceSession } = engine;
    const session = await InferenceSession.create(await blob.arrayBuffer()).catch((error) => {
      // Any may be to blame, and the runtime tries only once.
      failures += 1;
      for (const part of [weights, BINARY, "script", "runtime"]) delete kept[part];
      throw error;
    });
    const size = known.shape.reduce((a, b) => a * b);
    const few = async (x, t, labels) => {
      const whole = (numbers) => new Tensor("int64", BigInt64Array.from(numbers, BigInt), [labels.length]);
      const inputs = {
        x: new Tensor("float32", x, [labels.length, ...known.shape]),
        t: whole(labels.map(() => t)),
        label: whole(labels),
      };
      return (await session.run(inputs)).output.data;
    };
    const pass = async (x, t, labels) => {
      if (labels.length <= AT_ONCE) return few(x, t, labels);
      const output = new Float32Array(x.length);
      for (let i = 0; i < labels.length; i += AT_ONCE) {
        const some = x.subarray(i * size, (i + AT_ONCE) * size);
        output.set(await few(some, t, labels.slice(i, i + AT_ONCE)), i * size);
        await new Promise((resolve) => setTimeout(resolve));
      }
      return output;
    };
    let last = Promise.resolve();
    const model = (...inputs) => (last = last.catch(() => {}).then(() => pass(...inputs)));
    return { ...known, size, model };
  });

  return { KNOWN, whyNot, missing, share, facts, network };
})();
