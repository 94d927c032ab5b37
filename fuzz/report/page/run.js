// The run: what the page knows of it, and the heap at any place in it.
//
// A place is a number: 0 is the heap before the first operation, i the heap after operation i - 1. Only what an
// operation changed is stored; every so many places the whole list of blocks is kept, to start from.
"use strict";

const KEPT_EVERY = 64; // places between two lists of blocks that are kept
const REMEMBERED = 256; // heaps remembered besides

const KIND_FREE = "free";
const KIND_LIVE = "live";
const KIND_NOBODY = "nobody";

// A block as the page has it: a size, when it is free, or [size, slot, bytes asked for, operation that made it];
// a slot of -1 is that of a taken block that is no live payload's. A size that no number holds is a string.
function readBlock(stored) {
  const parts = Array.isArray(stored) ? stored : [stored, -1, 0, 0];
  const kind = !Array.isArray(stored) ? KIND_FREE : parts[1] < 0 ? KIND_NOBODY : KIND_LIVE;
  return { kind, size: Number(parts[0]), shownSize: String(parts[0]), slot: parts[1], request: parts[2], madeBy: parts[3] };
}

// Where the run's words for the parts of a heap are.
const PART = { header: 0, payload: 1, slack: 2, free: 3, nobody: 4, failed: 5 };

const bytes = (count) => `${count} byte${String(count) === "1" ? "" : "s"}`;

class Run {
  constructor(data) {
    this.data = data;
    this.operations = data.steps.map(([text, outcome, recovery, pageCount, changes]) =>
      ({ text, outcome, recovery: recovery === 1, pageCount, changes }));
    this.lastPlace = this.operations.length;
    this.failedPlace = data.failed === null ? -1 : data.failed + 1;
    this.remembered = new Map();
    this.kept = [];
    this.readChanges();
  }

  readChanges() {
    const blocks = this.data.first.map(readBlock);
    this.kept.push(blocks.slice());
    this.operations.forEach((operation, index) => {
      operation.changes = operation.changes.map(([first, removed, ...stored]) =>
        ({ first, removed, inserted: stored.map(readBlock) }));
      Run.apply(blocks, operation.changes);
      if ((index + 1) % KEPT_EVERY === 0) {
        this.kept.push(blocks.slice());
      }
    });
  }

  static apply(blocks, changes) {
    for (const change of changes) {
      blocks.splice(change.first, change.removed, ...change.inserted);
    }
  }

  // Bytes of the region at a place.
  sizeAt(place) {
    const heap = this.data.heap;
    return heap.pageSize * (place === 0 ? heap.pageCount : this.operations[place - 1].pageCount);
  }

  // The heap at a place: its blocks, where each begins, and the region's size.
  heapAt(place) {
    const known = this.remembered.get(place);
    if (known !== undefined) {
      return known;
    }
    const before = place > 0 ? this.remembered.get(place - 1) : undefined;
    let blocks;
    if (before !== undefined) {
      blocks = before.blocks.slice();
      Run.apply(blocks, this.operations[place - 1].changes);
    } else {
      const start = Math.floor(place / KEPT_EVERY);
      blocks = this.kept[start].slice();
      for (let i = start * KEPT_EVERY; i < place; i++) {
        Run.apply(blocks, this.operations[i].changes);
      }
    }
    return this.remember(place, this.layOut(blocks, this.sizeAt(place)));
  }

  // Says where each block begins. The last block of a broken heap is as large as there is room for.
  layOut(blocks, size) {
    const offsets = new Float64Array(blocks.length + 1);
    for (let i = 0; i < blocks.length; i++) {
      offsets[i + 1] = Math.min(offsets[i] + blocks[i].size, size);
    }
    return { blocks, offsets, size };
  }

  remember(place, heap) {
    if (this.remembered.size >= REMEMBERED) {
      this.remembered.delete(this.remembered.keys().next().value);
    }
    this.remembered.set(place, heap);
    return heap;
  }

  // The index of the block that holds the byte at offset; -1 when none does.
  static blockAt(heap, offset) {
    if (heap.blocks.length === 0 || offset < 0 || offset >= heap.offsets[heap.blocks.length]) {
      return -1;
    }
    let low = 0;
    let high = heap.blocks.length - 1;
    while (low < high) { // halves each time
      const middle = (low + high + 1) >> 1;
      if (heap.offsets[middle] <= offset) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  // What is known of a block, as pairs of a name and a value.
  factsOf(heap, index) {
    const block = heap.blocks[index];
    const header = this.data.heap.headerSize;
    const offset = heap.offsets[index];
    const facts = [["block", `${index + 1} of ${heap.blocks.length}`]];
    if (block.kind === KIND_FREE) {
      facts.push(["state", this.data.words[PART.free]]);
      if (!this.data.heap.anywhere) {
        facts.push(["offset", `${offset}`], ["block size", bytes(block.shownSize)]);
      }
      return facts;
    }
    facts.push(["state", !this.data.heap.shown ? "payload" : block.kind === KIND_LIVE ? "taken" : this.data.words[PART.nobody]]);
    if (block.kind === KIND_LIVE) {
      facts.push(["slot", `${block.slot}`]);
    }
    if (!this.data.heap.shown) {
      facts.push(...(this.data.heap.anywhere ? [] : [["offset", `${offset + header}`]]),
        ["asked", bytes(block.request)], ["made by", `operation ${block.madeBy}`]);
      return facts;
    }
    facts.push(["offset", `${offset}, payload ${offset + header}`], ["block size", bytes(block.shownSize)]);
    if (block.kind === KIND_LIVE) {
      const usable = block.size - header;
      facts.push(["asked", bytes(block.request)], ["usable", bytes(usable)],
        ["slack", bytes(Math.max(0, usable - block.request))], ["made by", `operation ${block.madeBy}`]);
    }
    return facts;
  }

  // A heap in one line, as the report prints it.
  line(heap) {
    const gap = (block) => this.data.heap.anywhere ? "..." : `.${block.shownSize}`;
    return `|${heap.blocks.map((block) => `${block.kind === KIND_FREE ? gap(block) : `#${block.shownSize}`}` +
      `${block.kind === KIND_LIVE ? ` s${block.slot}` : ""}|`).join("")}`;
  }
}
