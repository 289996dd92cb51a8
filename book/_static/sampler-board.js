/* The drawing board of a sampler: a small picture that is painted by mouse,
   finger, pen or keyboard, and from which a part can be cut. A pixel is one
   of 16 levels, black to white, or HOLE. */
"use strict";

class DrawingBoard {
  static WHITE = 15;
  static HOLE = 16;
  static DOT = 4; // of the screen's picture, for each pixel
  static UNDO = 50;
  static LETTERS = "abcdefghijklmnop_"; // of a drawing in the address
  static ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  // Digits as a hand would draw them, in hundredths of the picture.
  static DIGITS = [
    "50,18 35,25 29,45 31,66 42,80 56,80 67,68 71,48 66,28 56,19 50,18",
    "40,30 54,18 50,80",
    "31,32 40,20 55,18 65,28 63,42 48,58 31,79 44,76 70,79",
    "32,24 48,17 63,24 62,39 47,47 62,54 67,67 55,80 40,81 30,74",
    "38,20 32,48 50,53 70,48 M66,20 60,82",
    "68,20 40,20 37,45 52,42 66,51 66,68 54,80 34,78",
    "60,17 44,32 33,54 34,71 46,81 60,77 65,64 56,54 42,56 34,66",
    "30,23 50,21 69,22 58,45 48,64 44,82",
    "62,27 50,18 38,25 38,36 51,47 64,60 62,74 50,81 37,74 37,61 50,47 62,36 62,27",
    "64,32 54,20 39,25 35,39 46,48 62,42 65,30 63,55 57,82",
  ];

  // changed(finished): the drawing is another; is the stroke at its end?
  constructor(changed) {
    this.changed = changed;
    this.tool = "pen";
    this.holes = false; // is a hole seen, or is it black?
    this.brush = [0, 0];
    this.canvas = Object.assign(document.createElement("canvas"), { tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", "drawing board");
    this.canvas.setAttribute("aria-label", "Drawing board: the arrow keys move the brush, Space dips it, with Shift it draws as it moves");
    this.canvas.onpointerdown = (event) => this.begin(event);
    this.canvas.onpointermove = (event) => this.move(event);
    this.canvas.onpointerup = this.canvas.onpointercancel = () => this.lift();
    this.canvas.onkeydown = (event) => this.key(event);
    this.canvas.onfocus = this.canvas.onblur = () => this.show();
    this.said = document.createElement("span"); // where the brush is, for those who listen
    this.said.className = "dl-heard";
    this.said.setAttribute("aria-live", "polite");
    this.here = document.createElement("span"); // over an empty board; its name says it to those who listen
    this.here.className = "dl-here";
    this.here.textContent = "draw here";
    this.here.setAttribute("aria-hidden", "true");
    this.resize(28);
  }

  /* 1. What is drawn. */

  get empty() {
    return this.pixels.every((level) => level === 0);
  }

  get holed() {
    return this.pixels.includes(DrawingBoard.HOLE);
  }

  // As a network sees it: -1 black, 1 white, and mask: 1 where it is known.
  get picture() {
    return Float32Array.from(this.pixels, (level) => (level === DrawingBoard.HOLE ? -1 : (2 * level) / DrawingBoard.WHITE - 1));
  }

  get mask() {
    return Float32Array.from(this.pixels, (level) => (level === DrawingBoard.HOLE ? 0 : 1));
  }

  // The same drawing on so many pixels; each is the mean of what it covers.
  resize(side) {
    if (this.side === side) return;
    const [before, was] = [this.pixels, this.side];
    this.side = side;
    this.past = [];
    this.brush = [side >> 1, side >> 1];
    this.pixels = new Uint8Array(side * side);
    if (before) {
      const covered = (i) => {
        const first = Math.floor((i * was) / side);
        return Array.from({ length: Math.max(1, Math.floor(((i + 1) * was) / side) - first) }, (_, j) => first + j);
      };
      this.each((x, y, i) => {
        const under = covered(y).flatMap((row) => covered(x).map((column) => before[row * was + column]));
        const holes = under.filter((level) => level === DrawingBoard.HOLE).length;
        const sum = under.reduce((all, level) => all + (level === DrawingBoard.HOLE ? 0 : level), 0);
        this.pixels[i] = 2 * holes > under.length ? DrawingBoard.HOLE : Math.round(sum / under.length);
      });
    }
    this.show();
  }

  each(act) {
    for (let i = 0; i < this.pixels.length; i++) act(i % this.side, Math.floor(i / this.side), i);
  }

  // One stroke of the tool from a point to another; a pixel's middle is whole.
  stroke([x0, y0], [x1, y1], tool = this.tool) {
    const radius = tool === "pen" ? Math.max(0.6, 0.045 * this.side) : Math.max(0.6, 0.07 * this.side);
    const [dx, dy] = [x1 - x0, y1 - y0];
    this.each((x, y, i) => {
      const along = dx || dy ? Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy))) : 0;
      const near = radius + 0.5 - Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
      if (near <= 0) return;
      const before = this.pixels[i];
      if (tool === "hole") this.pixels[i] = near > 0.5 ? DrawingBoard.HOLE : before;
      else if (tool === "rubber") this.pixels[i] = near > 0.5 ? 0 : before;
      else this.pixels[i] = Math.max(before === DrawingBoard.HOLE ? 0 : before, Math.round(DrawingBoard.WHITE * Math.min(1, near)));
    });
  }

  // One act that can be undone.
  act(act) {
    this.remember();
    act();
    this.show();
    this.changed(true);
  }

  remember() {
    this.past.push(this.pixels.slice());
    if (this.past.length > DrawingBoard.UNDO) this.past.shift();
  }

  undo() {
    if (!this.past.length) return;
    this.pixels = this.past.pop();
    this.show();
    this.changed(true);
  }

  clear() {
    this.act(() => this.pixels.fill(0));
  }

  digit(which) {
    this.act(() => {
      this.pixels.fill(0);
      for (const line of DrawingBoard.DIGITS[which].split(" M")) {
        const points = line.split(" ").map((point) => point.split(",").map((at) => (Number(at) / 100) * this.side - 0.5));
        points.slice(1).forEach((point, i) => this.stroke(points[i], point, "pen"));
      }
    });
  }

  // A picture of a network, -1 black to 1 white.
  take(picture) {
    this.act(() => {
      this.pixels = Uint8Array.from(picture, (value) => Math.round(((Math.max(-1, Math.min(1, value)) + 1) / 2) * DrawingBoard.WHITE));
    });
  }

  // which: "top", "bottom", "left" or "right"
  cut(which) {
    const half = this.side / 2;
    const inside = { top: (x, y) => y < half, bottom: (x, y) => y >= half, left: (x) => x < half, right: (x) => x >= half }[which];
    this.act(() => this.each((x, y, i) => {
      if (inside(x, y)) this.pixels[i] = DrawingBoard.HOLE;
    }));
  }

  /* 2. In the address: letters, each with how often it comes. */

  get text() {
    const letters = Array.from(this.pixels, (level) => DrawingBoard.LETTERS[level]).join("");
    return letters.replace(/(.)\1+/g, (run, letter) => letter + run.length);
  }

  set text(text) {
    const letters = text.replace(/([a-p_])(\d{1,3})/g, (_, letter, times) => letter.repeat(times));
    const levels = Array.from(letters, (letter) => DrawingBoard.LETTERS.indexOf(letter));
    if (levels.length !== this.pixels.length || levels.includes(-1)) throw new Error(`The drawing in the address is not one of ${this.side} × ${this.side} pixels.`);
    this.pixels = Uint8Array.from(levels);
    this.show();
  }

  /* 3. Mouse, finger, pen, keys. */

  at({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    return [((clientX - box.left) / box.width) * this.side - 0.5, ((clientY - box.top) / box.height) * this.side - 0.5];
  }

  begin(event) {
    if (event.button !== 0 && event.button !== 5) return; // 5: the other end of a pen
    this.canvas.setPointerCapture(event.pointerId);
    this.remember();
    this.drawing = { id: event.pointerId, tool: event.button === 5 ? "rubber" : this.tool, last: this.at(event) };
    this.move(event);
  }

  move(event) {
    if (this.drawing?.id !== event.pointerId) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const moved of moves.length ? moves : [event]) {
      const point = this.at(moved);
      this.stroke(this.drawing.last, point, this.drawing.tool);
      this.drawing.last = point;
    }
    this.brush = this.drawing.last.map((at) => Math.max(0, Math.min(this.side - 1, Math.round(at))));
    this.show();
    this.changed(false);
  }

  lift() {
    if (!this.drawing) return;
    this.drawing = null;
    this.changed(true);
  }

  key(event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") this.undo();
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === " " || event.key === "Enter") this.act(() => this.stroke(this.brush, this.brush));
    else if (DrawingBoard.ARROWS[event.key]) this.step(DrawingBoard.ARROWS[event.key], event.shiftKey);
    else return;
    event.preventDefault();
  }

  step(by, draws) {
    const from = this.brush;
    this.brush = from.map((at, i) => Math.max(0, Math.min(this.side - 1, at + by[i])));
    if (draws) this.act(() => this.stroke(from, this.brush));
    else this.show();
    const level = this.pixels[this.brush[1] * this.side + this.brush[0]];
    const what = level === DrawingBoard.HOLE ? "hole" : level > 7 ? "white" : "black";
    this.said.textContent = `row ${this.brush[1] + 1}, column ${this.brush[0] + 1}, ${what}`;
  }

  /* 4. What is seen. A hole is a pattern of squares, as nothing else is. */

  show() {
    this.here.hidden = !this.empty;
    const dot = DrawingBoard.DOT;
    const side = this.side * dot;
    if (this.canvas.width !== side) Object.assign(this.canvas, { width: side, height: side });
    const pen = this.canvas.getContext("2d");
    this.each((x, y, i) => {
      const hole = this.holes && this.pixels[i] === DrawingBoard.HOLE;
      const level = hole || this.pixels[i] !== DrawingBoard.HOLE ? this.pixels[i] : 0;
      const grey = Math.round((255 * level) / DrawingBoard.WHITE);
      pen.fillStyle = hole ? "#8a8a8a" : `rgb(${grey}, ${grey}, ${grey})`;
      pen.fillRect(x * dot, y * dot, dot, dot);
      if (!hole) return;
      pen.fillStyle = "#b8b8b8";
      pen.fillRect(x * dot, y * dot, dot / 2, dot / 2);
      pen.fillRect((x + 0.5) * dot, (y + 0.5) * dot, dot / 2, dot / 2);
    });
    if (!this.canvas.matches(":focus-visible")) return;
    const [x, y] = this.brush;
    pen.strokeStyle = "#e3a1c6";
    pen.lineWidth = 2;
    pen.strokeRect(x * dot - 1, y * dot - 1, dot + 2, dot + 2);
  }
}
