// A chart of the last minutes: a canvas, what it shows now in text, and the value
// at a time that the pointer or the arrow keys choose.

const style = name => getComputedStyle(document.documentElement).getPropertyValue(name);

const units = ["", "k", "M", "G", "T"];

// short returns a number with three digits or so.
export function short(n) {
  let power = 0;
  while (Math.abs(n) >= (power ? 1000 : 10000) && power < units.length - 1) {
    n /= 1000;
    power++;
  }
  const digits = n !== 0 && Math.abs(n) < 1 ? 2 : Math.abs(n) < 100 && n % 1 !== 0 ? 1 : 0;
  return n.toFixed(digits) + units[power];
}

// nice returns the end of an axis for values up to most.
function nice(most) {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 6, 8, 10].find(n => n * power >= most) * power;
}

// bytes returns a size with its unit.
export function bytes(n) {
  return short(n).replace(/[a-zA-Z]?$/, unit => ` ${unit}B`);
}

export class Chart {
  // series are [label, value of a sample] pairs. large gives the number above the
  // chart; the default is the first series. notes are pairs that are not drawn.
  constructor(parent, { title, unit = "", series, large = series[0][1], notes = [] }) {
    this.large = large;
    this.notes = notes;
    this.title = title;
    this.unit = unit;
    this.series = series;
    this.samples = [];
    this.minutes = 5;
    this.chosen = null; // a time
    const figure = document.createElement("figure");
    figure.innerHTML = "<h3></h3><p class=value></p><ul class=legend></ul><canvas tabindex=0 role=img></canvas>";
    figure.firstChild.textContent = title;
    this.value = figure.querySelector(".value");
    this.number = this.value.appendChild(document.createTextNode(""));
    this.note = this.value.appendChild(document.createElement("small"));
    this.legend = [...series, ...notes].map(() => figure.querySelector(".legend").appendChild(document.createElement("li")));
    this.legend.slice(series.length).forEach(li => li.classList.add("note"));
    this.canvas = figure.querySelector("canvas");
    parent.append(figure);
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    this.canvas.addEventListener("pointermove", e => this.choose(this.timeAt(e.offsetX)));
    this.canvas.addEventListener("pointerleave", () => this.choose(null));
    this.canvas.addEventListener("blur", () => this.choose(null));
    this.canvas.addEventListener("keydown", e => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (!step || !this.samples.length) return;
      e.preventDefault();
      e.stopPropagation();
      const at = this.chosen === null ? this.samples.length - 1 : this.nearest(this.chosen) + step;
      this.choose(this.samples[Math.max(0, Math.min(this.samples.length - 1, at))].time);
    });
  }

  // show draws samples, the newest last.
  show(samples, minutes) {
    this.samples = samples;
    this.minutes = minutes;
    this.draw();
  }

  choose(time) {
    this.chosen = time;
    this.draw();
  }

  // nearest returns the index of the sample nearest to a time.
  nearest(time) {
    let low = 0, high = this.samples.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.samples[middle].time < time) low = middle + 1; else high = middle;
    }
    const before = this.samples[low - 1];
    return before && time - before.time < this.samples[low].time - time ? low - 1 : low;
  }

  timeAt(x) {
    if (!this.samples.length) return null;
    const span = this.minutes * 60000, end = this.samples.at(-1).time;
    return end - span + (x - this.left) / (this.canvas.clientWidth - this.left) * span;
  }

  say(sample) {
    const text = n => short(n);
    this.number.data = sample ? text(this.large(sample)) : "–";
    const when = this.chosen === null || !sample ? "" : " at " + new Date(sample.time).toLocaleTimeString();
    this.note.textContent = (this.unit ? " " + this.unit : "") + when;
    this.legend.forEach((li, i) => {
      const [label, of] = this.series[i] ?? this.notes[i - this.series.length];
      li.textContent = label + (sample && of !== this.large ? " " + text(of(sample)) : "");
    });
    this.canvas.setAttribute("aria-label", this.title + ": " + this.number.data + this.note.textContent);
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const scale = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
    }
    const g = this.canvas.getContext("2d");
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, width, height);
    const last = this.samples.at(-1);
    const chosen = this.chosen === null || !last ? last : this.samples[this.nearest(this.chosen)];
    this.say(chosen);
    const span = this.minutes * 60000, end = last?.time ?? Date.now();
    const from = this.samples.findIndex(s => s.time >= end - span);
    const seen = from < 0 ? [] : this.samples.slice(Math.max(0, from - 1));
    const top = nice(Math.max(0, ...seen.map(s => Math.max(...this.series.map(([, of]) => of(s))))));
    this.axes(g, width, height, top, span);
    const x = t => this.left + (width - this.left) * (1 - (end - t) / span);
    const y = v => height - 15 - (height - 22) * v / top;
    g.save();
    g.beginPath();
    g.rect(this.left, 0, width - this.left, height);
    g.clip();
    for (let i = this.series.length - 1; i >= 0; i--) this.line(g, seen, i, x, y);
    if (this.chosen !== null && chosen) this.cross(g, chosen, x, y, height);
    g.restore();
  }

  axes(g, width, height, top, span) {
    g.font = "10px system-ui, sans-serif";
    g.fillStyle = style("--muted");
    g.strokeStyle = style("--grid");
    g.lineWidth = 1;
    this.left = Math.ceil(Math.max(g.measureText(short(top)).width, g.measureText(short(top / 2)).width)) + 6;
    g.textAlign = "right";
    g.textBaseline = "middle";
    g.beginPath();
    for (const part of [0, .5, 1]) {
      const y = Math.round(height - 15 - (height - 22) * part) + .5;
      g.moveTo(this.left, y);
      g.lineTo(width, y);
      g.fillText(part ? short(top * part) : "0", this.left - 5, y);
    }
    g.stroke();
    g.textBaseline = "bottom";
    const minutes = span / 60000, label = m => m < 1 ? `−${m * 60} s` : `−${m} min`;
    g.textAlign = "left";
    g.fillText(label(minutes), this.left, height);
    g.textAlign = "right";
    g.fillText("now", width, height);
  }

  line(g, seen, index, x, y) {
    const of = this.series[index][1];
    g.strokeStyle = style(`--series-${index + 1}`);
    g.lineWidth = 1.6;
    g.lineJoin = "round";
    g.beginPath();
    let before = -Infinity, first = 0;
    const fill = last => { // the area below the first series
      if (index > 0 || last < first) return;
      const area = new Path2D();
      area.moveTo(x(seen[first].time), y(0));
      for (let i = first; i <= last; i++) area.lineTo(x(seen[i].time), y(of(seen[i])));
      area.lineTo(x(seen[last].time), y(0));
      g.globalAlpha = .13;
      g.fillStyle = g.strokeStyle;
      g.fill(area);
      g.globalAlpha = 1;
    };
    seen.forEach((s, i) => {
      if (s.time - before > 3500) { // nobody was watching
        fill(i - 1);
        first = i;
        g.moveTo(x(s.time), y(of(s)));
      }
      g.lineTo(x(s.time), y(of(s)));
      before = s.time;
    });
    fill(seen.length - 1);
    g.stroke();
  }

  cross(g, sample, x, y, height) {
    const at = Math.round(x(sample.time)) + .5;
    g.strokeStyle = style("--edge");
    g.beginPath();
    g.moveTo(at, 4);
    g.lineTo(at, height - 15);
    g.stroke();
    this.series.forEach(([, of], i) => {
      g.fillStyle = style(`--series-${i + 1}`);
      g.beginPath();
      g.arc(at, y(of(sample)), 3, 0, 7);
      g.fill();
    });
  }
}
