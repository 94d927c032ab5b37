// The page: what is shown where, and what keys, buttons and the pointer do.

const ROW_HEIGHT = 22; // pixels, as the style has it
const STRIP = { top: 30, height: 52 }; // the band of the heap in its canvas, below the ruler and the marks
const FONT = "12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace";
const ZOOM = 2;
const LEAST_VIEW = 64; // bytes shown at the closest
const OPERATION_MOST = 34; // characters of an operation in its row
const OUTCOME_MOST = 44; // and of what came of it
const SAMPLE = 44; // pixels of a sample in the legend, as the style has it
const LONGEST_LINE = 4000; // characters of a heap in one line

const element = (id) => document.getElementById(id);

class Page {
  constructor(run) {
    this.run = run;
    this.painter = new Painter();
    this.place = run.failedPlace >= 0 ? run.failedPlace : 0;
    this.block = 0;
    this.view = this.wholeView();
    const { pageLimit, pageSize, shownEnd } = run.data.heap;
    if (shownEnd < pageLimit * pageSize) { // much of a large heap is never used
      this.view.to = Math.max(LEAST_VIEW, shownEnd);
    }
    this.fitList();
    this.showReport();
    this.showLegend();
    element("rows").style.height = `${(run.lastPlace + 1) * ROW_HEIGHT}px`;
    this.listen();
    this.go(this.place);
  }

  // What can be seen of the addresses.

  wholeView() {
    const heap = this.run.data.heap;
    let from = 0;
    let to = heap.pageLimit * heap.pageSize;
    for (const extent of this.run.data.extents) {
      const far = Math.abs(extent.offset) > 2 * to; // a wild address: nothing else could be seen
      from = far ? from : Math.min(from, extent.offset - 8);
      to = far ? to : Math.max(to, extent.offset + extent.size + 8);
    }
    return { from, to };
  }

  // The list of operations is as wide as they are, and the run as high: the rest is for the heaps.
  fitList() {
    let operation = this.operationName(0).length;
    let outcome = 0;
    for (let place = 1; place <= this.run.lastPlace; place++) {
      operation = Math.max(operation, this.operationName(place).length);
      outcome = Math.max(outcome, this.outcomeOf(place).length);
    }
    const style = element("history").style;
    style.setProperty("--operation", `${Math.min(operation, OPERATION_MOST)}ch`);
    style.setProperty("--outcome", `${Math.min(outcome, OUTCOME_MOST)}ch`);
    style.setProperty("--rows", `${(this.run.lastPlace + 1) * ROW_HEIGHT}px`);
  }

  zoom(factor) {
    const whole = this.wholeView();
    const heap = this.run.heapAt(this.place);
    const size = Math.min(whole.to - whole.from, Math.max(LEAST_VIEW, (this.view.to - this.view.from) * factor));
    const middle = heap.blocks.length === 0 ? (this.view.from + this.view.to) / 2
      : heap.offsets[this.block] + Math.min(heap.blocks[this.block].size, size / 2) / 2;
    this.look(middle - size / 2, size);
  }

  look(from, size) {
    const whole = this.wholeView();
    const start = Math.max(whole.from, Math.min(from, whole.to - size));
    this.view = { from: start, to: start + size };
    this.show();
  }

  // Moves the view when the chosen block lies outside it.
  follow() {
    const heap = this.run.heapAt(this.place);
    if (heap.blocks.length === 0) {
      return;
    }
    const size = this.view.to - this.view.from;
    const start = heap.offsets[this.block];
    const end = heap.offsets[this.block + 1];
    if (end <= this.view.from || start >= this.view.to) {
      this.look(start - size / 4, size);
    }
  }

  // Where one is.

  go(place) {
    const target = Math.max(0, Math.min(this.run.lastPlace, place));
    this.place = target;
    this.block = this.blockOfInterest(target);
    this.reveal();
    this.show();
    this.announce();
  }

  // What an operation is about: the first marked block, the block it made, the first that changed.
  blockOfInterest(place) {
    const heap = this.run.heapAt(place);
    const extent = this.run.data.extents[0];
    let index = -1;
    if (place === this.run.failedPlace && extent !== undefined) {
      index = Run.blockAt(heap, extent.offset);
    }
    if (index < 0) {
      index = heap.blocks.findIndex((block) => block.kind === KIND_LIVE && block.madeBy === place - 1);
    }
    if (index < 0 && place > 0 && this.run.operations[place - 1].changes.length !== 0) {
      index = this.run.operations[place - 1].changes[0].first;
    }
    return Math.max(0, Math.min(index, heap.blocks.length - 1));
  }

  choose(index) {
    const count = this.run.heapAt(this.place).blocks.length;
    if (count !== 0) {
      this.block = Math.max(0, Math.min(count - 1, index));
      this.follow();
      this.show();
    }
  }

  reveal() {
    const scroller = element("scroller");
    const head = element("head").offsetHeight;
    const top = this.place * ROW_HEIGHT;
    const room = scroller.clientHeight - head;
    if (top < scroller.scrollTop) {
      scroller.scrollTop = top - 2 * ROW_HEIGHT;
    } else if (top + ROW_HEIGHT > scroller.scrollTop + room) {
      scroller.scrollTop = top + 3 * ROW_HEIGHT - room;
    }
  }

  // Showing, at most once for each picture the screen shows.

  show() {
    if (this.pending === undefined) {
      this.pending = requestAnimationFrame(() => {
        this.pending = undefined;
        this.showStep();
        this.showStrip();
        this.showFacts();
        this.showRows();
      });
    }
  }

  operationName(place) {
    return place === 0 ? "the heap at first" : this.run.operations[place - 1].text;
  }

  outcomeOf(place) {
    if (place === 0) {
      return "";
    }
    const operation = this.run.operations[place - 1];
    return operation.recovery ? `${operation.outcome} (at the end)` : operation.outcome;
  }

  marksAt(place) {
    return place === this.run.failedPlace ? this.run.data.extents : [];
  }

  noteAt(place) {
    if (place !== this.run.failedPlace) {
      return "";
    }
    const marks = this.marksAt(place).map((extent) =>
      `${extent.what}, ${bytes(extent.size)}${this.run.data.heap.anywhere ? "" : ` at offset ${extent.offset}`}`);
    const what = this.run.data.end === "violation" ? "This operation broke the heap" : "The subject died in this operation";
    return `✗ ${what}${marks.length === 0 ? "" : `. Marked: ${marks.join("; ")}`}.`;
  }

  showStep() {
    const last = this.run.lastPlace;
    element("position").textContent = this.place === 0 ? `Start (${last} operation${last === 1 ? "" : "s"})`
      : `Operation ${this.place - 1} (0 to ${last - 1})`;
    element("step-operation").textContent = this.operationName(this.place);
    element("step-outcome").textContent = this.outcomeOf(this.place);
    element("step-note").textContent = this.noteAt(this.place);
    Page.enable("first", this.place > 0);
    Page.enable("back", this.place > 0);
    Page.enable("forward", this.place < last);
    Page.enable("last", this.place < last);
    Page.enable("failure", this.run.failedPlace >= 0 && this.run.failedPlace !== this.place);
    const whole = this.wholeView();
    const size = this.view.to - this.view.from;
    Page.enable("zoom-in", size > LEAST_VIEW);
    Page.enable("zoom-out", size < whole.to - whole.from);
    Page.enable("zoom-whole", size < whole.to - whole.from);
    const line = this.run.line(this.run.heapAt(this.place));
    element("layout").textContent = line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}...` : line;
  }

  // A button that is switched off under the user's finger must not swallow the keys that follow.
  static enable(id, on) {
    const button = element(id);
    if (!on && document.activeElement === button) {
      element("strip").focus({ preventScroll: true });
    }
    button.disabled = !on;
  }

  showStrip() {
    const heap = this.run.heapAt(this.place);
    const { context, width } = Painter.open(element("strip-canvas"));
    const band = { x: 0, y: STRIP.top, width, height: STRIP.height, triangle: 6,
      style: { headerSize: this.run.data.heap.headerSize, shown: this.run.data.heap.shown, anywhere: this.run.data.heap.anywhere, font: FONT } };
    if (!this.run.data.heap.anywhere) {
      this.painter.ruler(context, this.view, { x: 0, y: 0, width, height: 18 }, heap.size);
    }
    this.painter.blocks(context, heap, this.view, band, this.marksAt(this.place));
    if (heap.blocks.length !== 0) {
      const scale = width / (this.view.to - this.view.from);
      const left = (heap.offsets[this.block] - this.view.from) * scale;
      const size = Math.max(3, (heap.offsets[this.block + 1] - heap.offsets[this.block]) * scale - 1);
      context.fillStyle = this.painter.colours.accent;
      context.fillRect(left, STRIP.top + STRIP.height + 2, size, 4); // below the block that is chosen
    }
    for (const extent of this.marksAt(this.place)) {
      this.painter.mark(context, extent, this.view, band);
    }
  }

  showFacts() {
    const heap = this.run.heapAt(this.place);
    const facts = heap.blocks.length === 0 ? [["block", "none: the heap could not be read"]]
      : this.run.factsOf(heap, this.block);
    const list = element("facts");
    list.replaceChildren(...facts.map(([name, value]) => this.fact(name, value)));
    const option = element("strip-block");
    option.textContent = facts.map(([name, value]) => `${name} ${value}`).join(", ");
    option.setAttribute("aria-posinset", String(this.block + 1));
    option.setAttribute("aria-setsize", String(heap.blocks.length));
  }

  fact(name, value) {
    const pair = document.createElement("div");
    const term = document.createElement("dt");
    const description = document.createElement("dd");
    term.textContent = name;
    pair.dataset.fact = name;
    if (name === "made by") {
      const made = this.run.heapAt(this.place).blocks[this.block].madeBy + 1;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "link";
      button.textContent = value;
      button.addEventListener("click", () => this.go(made));
      description.append(button);
    } else {
      description.textContent = value;
    }
    pair.append(term, description);
    return pair;
  }

  announce() {
    const heap = this.run.heapAt(this.place);
    const taken = heap.blocks.filter((block) => block.kind !== KIND_FREE).length;
    const where = this.place === 0 ? "Start" : `Operation ${this.place - 1}: ${this.operationName(this.place)} ` +
      `${this.outcomeOf(this.place)}`;
    element("announcement").textContent =
      `${where}. ${taken} block${taken === 1 ? "" : "s"} taken, ${heap.blocks.length - taken} free. ${this.noteAt(this.place)}`;
  }

  // The rows: only those that can be seen exist.

  showRows() {
    const scroller = element("scroller");
    const head = element("head").offsetHeight;
    const room = Math.min(scroller.clientHeight - head, (this.run.lastPlace + 1) * ROW_HEIGHT);
    const top = Math.min(scroller.scrollTop, (this.run.lastPlace + 1) * ROW_HEIGHT - room);
    const first = Math.max(0, Math.floor(top / ROW_HEIGHT));
    const last = Math.min(this.run.lastPlace, Math.ceil((top + room) / ROW_HEIGHT));
    const places = [];
    for (let place = first; place <= last; place++) {
      places.push(place);
    }
    if (this.place < first || this.place > last) {
      places.push(this.place); // what aria-activedescendant names must exist
    }
    const list = element("list");
    list.replaceChildren(...places.map((place) => this.row(place)));
    list.setAttribute("aria-activedescendant", `row-${this.place}`);
    this.showMap(first, last, top, room);
    const ruler = Painter.open(element("ruler"));
    if (!this.run.data.heap.anywhere) { // no offset in such a drawing is one in memory
      this.painter.ruler(ruler.context, this.view, { x: 0, y: 0, width: ruler.width, height: ruler.height },
        this.run.sizeAt(this.place));
    }
  }

  row(place) {
    const row = document.createElement("div");
    const failing = place === this.run.failedPlace;
    row.id = `row-${place}`;
    row.className = "row";
    row.classList.toggle("current", place === this.place);
    row.classList.toggle("failing", failing);
    row.classList.toggle("recovery", place > 0 && this.run.operations[place - 1].recovery);
    row.style.top = `${place * ROW_HEIGHT}px`;
    row.dataset.place = String(place);
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(place === this.place));
    row.setAttribute("aria-posinset", String(place + 1));
    row.setAttribute("aria-setsize", String(this.run.lastPlace + 1));
    const part = (name, text) => {
      const span = document.createElement("span");
      span.className = name;
      span.textContent = text;
      row.append(span);
    };
    part("number", place === 0 ? "" : String(place - 1));
    part("sign", failing ? "✗" : place === this.place ? "›" : "");
    part("operation", this.operationName(place));
    part("outcome", this.outcomeOf(place));
    return row;
  }

  showMap(first, last, top, room) {
    const canvas = element("map-canvas");
    canvas.style.height = `${room}px`;
    const { context, width } = Painter.open(canvas);
    const style = { headerSize: this.run.data.heap.headerSize, shown: this.run.data.heap.shown, anywhere: this.run.data.heap.anywhere, font: FONT };
    for (let place = first; place <= last; place++) {
      const y = place * ROW_HEIGHT - top;
      if (place === this.place) {
        context.fillStyle = this.painter.colours.lit;
        context.fillRect(0, y, width, ROW_HEIGHT);
      }
      this.painter.blocks(context, this.run.heapAt(place), this.view,
        { x: 0, y: y + 3, width, height: ROW_HEIGHT - 6, style }, this.marksAt(place));
      if (place === this.place) {
        context.fillStyle = this.painter.colours.accent;
        context.fillRect(0, y, width, 1.5);
        context.fillRect(0, y + ROW_HEIGHT - 1.5, width, 1.5);
      }
    }
    if (this.run.failedPlace >= first && this.run.failedPlace <= last) {
      for (const extent of this.run.data.extents) {
        this.painter.mark(context, extent, this.view,
          { x: 0, y: this.run.failedPlace * ROW_HEIGHT - top + 3, width, height: ROW_HEIGHT - 6, triangle: 4 });
      }
    }
  }

  // The report and the legend.

  showReport() {
    const data = this.run.data;
    const failed = data.end !== "sound";
    document.title = `${data.title}: ${data.file}`;
    element("report").classList.toggle("failed", failed);
    element("mark").textContent = failed ? "✗" : "✓";
    element("title").textContent = data.title;
    element("file").textContent = data.file;
    element("sentence").textContent = data.sentence;
    element("program-lines").textContent = data.program.join(" · ");
    for (const [name, value] of data.facts) {
      element("report-facts").append(this.fact(name, value));
    }
    if (data.said !== "") {
      element("said").textContent = data.said;
      element("said-box").hidden = false;
    }
  }

  // In the words that all pictures of the run have. A sample is a block, and how much of it is header.
  showLegend() {
    const block = (kind, request, header = 0) =>
      ({ kind, size: SAMPLE, shownSize: "", slot: 0, request, madeBy: 0, header });
    const { words } = this.run.data;
    const entries = [
      [words[PART.header], block(KIND_LIVE, 0, SAMPLE)],
      [words[PART.payload], block(KIND_LIVE, SAMPLE)],
      [words[PART.slack], block(KIND_LIVE, 0)],
      [words[PART.free], block(KIND_FREE, 0)],
      [words[PART.nobody], block(KIND_NOBODY, 0)],
      [words[PART.failed], block(KIND_FREE, 0), { offset: 12, size: 20 }],
      [`too narrow to draw: the darker, the more is ${this.run.data.heap.shown ? "taken" : "payload"}`, null],
    ];
    element("legend").replaceChildren(...entries.filter(([text]) => text !== "").map(([text, sample, extent]) => {
      const item = document.createElement("li");
      const canvas = document.createElement("canvas");
      item.append(canvas, document.createTextNode(text));
      requestAnimationFrame(() => this.drawSample(canvas, sample, extent));
      return item;
    }));
  }

  drawSample(canvas, sample, extent) {
    const { context } = Painter.open(canvas);
    const band = { x: 0, y: 5, width: SAMPLE, height: 14, triangle: 4 };
    if (sample === null) {
      const shade = new Float64Array(SAMPLE).map((_, i) => i / SAMPLE);
      this.painter.shades(context, shade, new Float64Array(SAMPLE).fill(1), band);
      return;
    }
    this.painter.block(context, sample, { left: 0, right: SAMPLE, y: band.y, height: band.height, scale: 1, shown: true,
      headerSize: sample.header });
    if (extent !== undefined) {
      this.painter.mark(context, extent, { from: 0, to: SAMPLE }, band);
    }
  }

  // Keys, buttons, the pointer.

  listen() {
    const actions = {
      first: () => this.go(0),
      back: () => this.go(this.place - 1),
      forward: () => this.go(this.place + 1),
      last: () => this.go(this.run.lastPlace),
      failure: () => this.run.failedPlace >= 0 && this.go(this.run.failedPlace),
      "zoom-in": () => this.zoom(1 / ZOOM),
      "zoom-out": () => this.zoom(ZOOM),
      "zoom-whole": () => this.zoom(Infinity),
    };
    for (const [id, action] of Object.entries(actions)) {
      element(id).addEventListener("click", action);
    }
    const keys = {
      ArrowUp: actions.back, ArrowDown: actions.forward, Home: actions.first, End: actions.last,
      PageUp: () => this.go(this.place - 10), PageDown: () => this.go(this.place + 10),
      f: actions.failure, F: actions.failure,
      ArrowLeft: () => this.choose(this.block - 1), ArrowRight: () => this.choose(this.block + 1),
      "+": actions["zoom-in"], "=": actions["zoom-in"], "-": actions["zoom-out"], 0: actions["zoom-whole"],
    };
    document.addEventListener("keydown", (event) => {
      const elsewhere = event.ctrlKey || event.metaKey || event.altKey || event.target.closest("pre") !== null;
      if (!elsewhere && Object.hasOwn(keys, event.key)) {
        event.preventDefault();
        keys[event.key]();
      }
    });
    this.listenToPointer();
    element("scroller").addEventListener("scroll", () => this.show(), { passive: true });
    window.addEventListener("resize", () => this.show());
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.painter.readColours();
      this.showLegend();
      this.show();
    });
  }

  listenToPointer() {
    element("rows").addEventListener("click", (event) => {
      const box = element("rows").getBoundingClientRect();
      const found = this.pointed(event, element("map-canvas"), Math.floor((event.clientY - box.top) / ROW_HEIGHT));
      this.go(found.place);
      if (found.index >= 0) {
        this.choose(found.index);
      }
    });
    element("strip").addEventListener("click", (event) => {
      const found = this.pointed(event, element("strip-canvas"), this.place);
      if (found.index >= 0) {
        this.choose(found.index);
      }
    });
    element("map-canvas").addEventListener("pointermove", (event) => {
      const top = element("rows").getBoundingClientRect().top;
      this.hover(event, this.pointed(event, element("map-canvas"), Math.floor((event.clientY - top) / ROW_HEIGHT)));
    });
    element("strip-canvas").addEventListener("pointermove", (event) =>
      this.hover(event, this.pointed(event, element("strip-canvas"), this.place)));
    for (const id of ["map-canvas", "strip-canvas"]) {
      element(id).addEventListener("pointerleave", () => {
        element("hover").hidden = true;
      });
    }
  }

  // The place, and the index of the block under the pointer there; -1 when it is over none.
  pointed(event, canvas, place) {
    const box = canvas.getBoundingClientRect();
    const known = Math.max(0, Math.min(this.run.lastPlace, place));
    if (event.clientX < box.left || event.clientX >= box.right) {
      return { place: known, index: -1 };
    }
    const scale = (this.view.to - this.view.from) / box.width;
    const offset = this.view.from + (event.clientX - box.left) * scale;
    return { place: known, index: Run.blockAt(this.run.heapAt(known), offset) };
  }

  hover(event, found) {
    const tip = element("hover");
    tip.hidden = found.index < 0;
    if (tip.hidden) {
      return;
    }
    const facts = this.run.factsOf(this.run.heapAt(found.place), found.index);
    const where = found.place === 0 ? "at the start" : `after operation ${found.place - 1}`;
    tip.textContent = `${where}\n${facts.map(([name, value]) => `${name} ${value}`).join("\n")}`;
    const left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
    const below = event.clientY + 18 + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${below ? event.clientY + 18 : event.clientY - tip.offsetHeight - 10}px`;
  }
}

window.page = new Page(new Run(JSON.parse(element("run").textContent)));
