// Drawing: blocks, rulers and marks on a canvas, in the style's colours.

// Told apart by lightness as well as by hue; every block that has room says its slot besides.
const ALLOCATION_COLOURS = ["#86c5f2", "#f5b942", "#5fc7a0", "#e79ac8", "#e9e06a", "#a8a4ee", "#7fd6da", "#f2a07e"];
const NARROW = 9; // pixels: a narrower block has no slack, and its header is a third of it at most
const FRAME = 2; // pixels a frame takes to either side, and a little more
const LEAST_BLOCK = 2; // pixels: narrower blocks are drawn together, as a shade

class Painter {
  constructor() {
    this.readColours();
  }

  readColours() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    this.colours = {};
    for (const name of ["ground", "panel", "line", "ink", "soft", "accent", "lit", "bad", "free", "free-ink", "header",
      "nobody", "mixed", "on-block"]) {
      this.colours[name] = colour(name);
    }
    this.patterns = {
      free: Painter.pattern(this.colours.free, this.colours["free-ink"], [[1, 1]]),
      slack: Painter.pattern(null, this.colours["on-block"], Painter.diagonal(5)),
      nobody: Painter.pattern(this.colours.nobody, this.colours["on-block"],
        [...Painter.diagonal(5), ...Painter.diagonal(5).map(([x, y]) => [4 - x, y])]),
    };
  }

  static diagonal(size) {
    return Array.from({ length: size }, (_, i) => [i, size - 1 - i]);
  }

  // A pattern of dots in a square of 5 pixels.
  static pattern(ground, ink, dots) {
    const tile = document.createElement("canvas");
    tile.width = 5;
    tile.height = 5;
    const context = tile.getContext("2d");
    if (ground !== null) {
      context.fillStyle = ground;
      context.fillRect(0, 0, 5, 5);
    }
    context.fillStyle = ink;
    for (const [x, y] of dots) {
      context.fillRect(x, y, 1, 1);
    }
    return context.createPattern(tile, "repeat");
  }

  // Makes a canvas as sharp as the screen; returns its context, measured in the page's pixels, and its size.
  static open(canvas) {
    const scale = window.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    return { context, width, height };
  }

  // The blocks of a heap between two offsets, in a band of the canvas. No label is where a mark's frame will be.
  blocks(context, heap, view, band, marks) {
    const scale = band.width / (view.to - view.from);
    const at = (offset) => band.x + (offset - view.from) * scale;
    context.save();
    context.beginPath();
    context.rect(band.x, band.y, band.width, band.height);
    context.clip();
    context.font = band.style.font;
    context.textBaseline = "middle";
    const letter = context.measureText("0").width; // of a font whose letters are all as wide
    const shade = new Float64Array(Math.ceil(band.width) + 1); // taken bytes in each column of narrow blocks
    const share = new Float64Array(shade.length); // bytes of narrow blocks in it
    const sides = marks.flatMap((mark) => [at(mark.offset), at(mark.offset) + Painter.markWidth(mark, scale)]);
    const empty = []; // payloads of 0 bytes, and where they are
    const first = Math.max(0, Run.blockAt(heap, Math.max(0, view.from)));
    for (let i = first; i < heap.blocks.length && heap.offsets[i] < view.to; i++) {
      const left = at(heap.offsets[i]);
      const right = at(heap.offsets[i + 1]);
      if (heap.blocks[i].size === 0) {
        empty.push([heap.blocks[i], left]);
      } else if (right - left < LEAST_BLOCK) {
        const column = Math.max(0, Math.floor(left - band.x));
        share[column] += right - left;
        shade[column] += heap.blocks[i].kind === KIND_FREE ? 0 : right - left;
      } else {
        this.block(context, heap.blocks[i], { left, right, y: band.y, height: band.height, scale, letter, sides, ...band.style });
      }
    }
    this.shades(context, shade, share, band);
    for (const [block, left] of empty) { // over what follows them
      this.block(context, block, { left, right: left + LEAST_BLOCK, y: band.y, height: band.height, scale, letter, sides, ...band.style });
    }
    context.restore();
  }

  // The more of it is taken, the darker is a column of narrow blocks. A block may reach into the next column.
  shades(context, shade, share, band) {
    for (let column = 0; column < share.length; column++) {
      if (share[column] > 0) {
        const width = Math.max(1, share[column]);
        context.fillStyle = this.colours.free;
        context.fillRect(band.x + column, band.y, width, band.height);
        context.globalAlpha = shade[column] / share[column];
        context.fillStyle = this.colours.mixed;
        context.fillRect(band.x + column, band.y, width, band.height);
        context.globalAlpha = 1;
      }
    }
  }

  block(context, block, place) {
    const width = place.right - place.left - (place.right - place.left > 4 ? 1 : 0); // a gap to the next
    const hasHeader = place.shown || block.kind !== KIND_FREE;
    const header = hasHeader ? Math.min(width < NARROW ? width / 3 : width, place.headerSize * place.scale) : 0;
    const box = (left, size, fill) => {
      context.fillStyle = fill;
      context.fillRect(left, place.y, size, place.height);
    };
    if (block.kind === KIND_FREE) {
      box(place.left, width, this.patterns.free);
      context.globalAlpha = 0.3;
    } else if (block.kind === KIND_NOBODY) {
      box(place.left, width, this.patterns.nobody);
    } else {
      box(place.left, width, ALLOCATION_COLOURS[block.madeBy % ALLOCATION_COLOURS.length]);
      const slack = block.size - place.headerSize - block.request;
      if (place.shown && slack > 0 && width >= NARROW) {
        const size = Math.min(width - header, slack * place.scale);
        box(place.left + width - size, size, this.patterns.slack);
      }
    }
    if (header >= 0.75) {
      box(place.left, header, this.colours.header);
    }
    context.globalAlpha = 1;
    if (place.font !== undefined) {
      let [left, right] = [place.left + header, place.left + width];
      for (const side of place.sides.filter((x) => x >= left + 1 && x <= right - 1)) { // the larger part beside it
        [left, right] = side - left > right - side ? [left, side - FRAME] : [side + FRAME, right];
      }
      this.label(context, block, { ...place, left, width: right - left });
    }
  }

  // As much of a label as there is room for.
  label(context, block, place) {
    if (place.width < 2 * place.letter || (place.anywhere && block.kind === KIND_FREE)) {
      return;
    }
    const names = block.kind === KIND_FREE ? [`${place.shown ? "free " : ""}${block.shownSize}`, block.shownSize]
      : block.kind === KIND_NOBODY ? [`nobody's ${block.shownSize}`, block.shownSize, "?"]
        : [`slot ${block.slot} · ${block.request} B`, `s${block.slot}`];
    const visible = Math.max(place.left, 0);
    const room = place.left + place.width - visible;
    const name = names.find((text) => text.length * place.letter + 8 <= room);
    if (name === undefined) {
      return;
    }
    const size = name.length * place.letter + 6;
    const middle = place.y + place.height / 2;
    if (block.kind === KIND_LIVE) {
      context.fillStyle = ALLOCATION_COLOURS[block.madeBy % ALLOCATION_COLOURS.length];
    } else {
      context.fillStyle = block.kind === KIND_FREE ? this.colours.free : this.colours.nobody;
    }
    context.fillRect(visible + 1, middle - 7, size, 14); // the text's own ground, where the block is hatched
    context.fillStyle = block.kind === KIND_FREE ? this.colours.soft : this.colours["on-block"];
    context.fillText(name, visible + 4, middle + 0.5);
  }

  static markWidth(extent, scale) {
    return Math.max(4, extent.size * scale);
  }

  // A frame around bytes, and a triangle above whose tip is where they begin, however few they may be.
  mark(context, extent, view, band) {
    const scale = band.width / (view.to - view.from);
    const left = band.x + (extent.offset - view.from) * scale;
    const width = Painter.markWidth(extent, scale);
    if (left > band.x + band.width || left + width < band.x) {
      return;
    }
    context.save();
    context.strokeStyle = this.colours.ground;
    context.lineWidth = 4;
    context.strokeRect(left, band.y, width, band.height);
    context.strokeStyle = this.colours.bad;
    context.lineWidth = 2;
    context.strokeRect(left, band.y, width, band.height);
    context.fillStyle = this.colours.bad;
    context.beginPath();
    context.moveTo(left - band.triangle, band.y - 1 - band.triangle * 1.3);
    context.lineTo(left + band.triangle, band.y - 1 - band.triangle * 1.3);
    context.lineTo(left, band.y - 1);
    context.fill();
    context.restore();
  }

  // Offsets along a line: as many as can be read.
  ruler(context, view, band, end) {
    const scale = band.width / (view.to - view.from);
    let step = 8;
    while (step * scale < 84) { // doubles each time
      step *= 2;
    }
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "alphabetic";
    context.fillStyle = this.colours.soft;
    context.strokeStyle = this.colours.line;
    context.lineWidth = 1;
    context.beginPath();
    for (let offset = Math.ceil(view.from / step) * step; offset <= view.to; offset += step) {
      const x = Math.round(band.x + (offset - view.from) * scale) + 0.5;
      context.moveTo(x, band.y + band.height - 5);
      context.lineTo(x, band.y + band.height);
      const text = String(offset);
      if (x + context.measureText(text).width + 4 < band.x + band.width) {
        context.fillText(text, x + 3, band.y + band.height - 5);
      }
    }
    const last = Math.round(band.x + (end - view.from) * scale) - 0.5;
    context.moveTo(last, band.y + 2);
    context.lineTo(last, band.y + band.height);
    context.stroke();
  }
}
