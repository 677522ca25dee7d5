"use strict";
const byId = (id) => document.getElementById(id);
const picture = byId("picture"), over = byId("over"), answers = byId("answers"), status = byId("status");
const HEAT = [255, 120, 20];
let asked = 0; // the number of the newest picture: answers to older ones come too late
let file = null, about = null, overlay = null;

function say(text, error = false) {
  status.textContent = text;
  status.classList.toggle("error", error);
}

async function post(path, blob) {
  const form = new FormData();
  form.append("images", blob, blob.name || "pasted picture");
  const response = await fetch(path, { method: "POST", body: form });
  const said = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(said.error || `The service answered ${response.status}.`);
  return said;
}

async function ask(chosen) {
  const number = ++asked;
  file = chosen;
  overlay = null;
  byId("mix").hidden = true;
  byId("caption").textContent = "";
  over.getContext("2d").clearRect(0, 0, over.width, over.height);
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(chosen);
  say("Looking");
  try {
    const found = (await post("predict?top=5", chosen)).results[0];
    if (number !== asked) return;
    say("");
    byId("found").hidden = false;
    if (found.mask) await showMask(found); else showClasses(found.classes);
    const first = found.classes[0];
    if (first) say(found.mask ? `Answered: ${found.classes.length} classes in the picture.` : `Answered: ${first.class}, ${percent(first.probability)}.`);
  } catch (error) {
    if (number !== asked) return;
    byId("found").hidden = true;
    say(error instanceof TypeError ? "The service cannot be reached." : error.message, true);
  }
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function row(kind, name, share, colour) {
  const made = document.createElement(kind);
  if (kind === "div") made.className = "row";
  const label = document.createElement("b"), number = document.createElement("span"), bar = document.createElement("progress");
  label.textContent = name;
  if (colour) label.prepend(chip(colour));
  number.textContent = percent(share);
  bar.max = 1;
  bar.value = share;
  bar.setAttribute("aria-hidden", "true");
  made.append(label, number, bar);
  const item = document.createElement("li");
  item.append(made);
  answers.append(item);
  return made;
}

function chip(colour) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg"), field = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  made.setAttribute("class", "chip");
  for (const side of ["width", "height"]) { made.setAttribute(side, "14"); field.setAttribute(side, "14"); }
  field.setAttribute("fill", colour);
  made.append(field);
  return made;
}

function showClasses(classes) {
  answers.replaceChildren();
  const explains = Boolean(about && about.explains);
  for (const one of classes) {
    const made = row(explains ? "button" : "div", one.class, one.probability);
    if (!explains) continue;
    made.type = "button";
    made.setAttribute("aria-pressed", "false");
    made.addEventListener("click", () => explain(one.class, made));
  }
  byId("how").hidden = !explains;
}

async function explain(name, button) {
  const number = asked, pressed = button.getAttribute("aria-pressed") === "true";
  for (const one of answers.querySelectorAll("button")) one.setAttribute("aria-pressed", "false");
  overlay = null;
  byId("mix").hidden = true;
  byId("caption").textContent = "";
  draw();
  if (pressed) return;
  button.setAttribute("aria-pressed", "true");
  say("Looking again");
  try {
    const found = await post(`explain?class=${encodeURIComponent(name)}`, file);
    if (number !== asked || button.getAttribute("aria-pressed") !== "true") return;
    overlay = { image: heat(await load(found.map)), square: found.square };
    byId("mix").hidden = false;
    byId("caption").textContent = `Orange is where the network sees ${name}.`;
    say(`Shown: where the network sees ${name}.`);
    draw();
  } catch (error) {
    if (number === asked) say(error.message, true);
  }
}

async function showMask(found) {
  answers.replaceChildren();
  const places = new Map(about ? about.classes.map((name, place) => [name, place]) : []);
  for (const one of found.classes) row("div", one.class, one.share, found.colours[places.get(one.class)]);
  overlay = { image: await load(found.mask), square: null };
  byId("how").hidden = true;
  byId("mix").hidden = false;
  byId("caption").textContent = "The mask lies over the picture.";
  draw();
}

function load(png) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("The answer held no image."));
    image.src = `data:image/png;base64,${png}`;
  });
}

function heat(grey) {
  const canvas = document.createElement("canvas");
  canvas.width = grey.naturalWidth;
  canvas.height = grey.naturalHeight;
  const context = canvas.getContext("2d");
  context.drawImage(grey, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let place = 0; place < pixels.data.length; place += 4) {
    pixels.data[place + 3] = pixels.data[place];
    pixels.data.set(HEAT, place);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function draw() {
  over.width = picture.naturalWidth;
  over.height = picture.naturalHeight;
  const context = over.getContext("2d");
  context.clearRect(0, 0, over.width, over.height);
  if (!overlay) return;
  context.globalAlpha = byId("opacity").value / 100;
  context.imageSmoothingEnabled = overlay.square !== null; // a class of a pixel has no value between
  const side = overlay.square === null ? 0 : Math.min(over.width, over.height) * overlay.square;
  const width = side || over.width, height = side || over.height;
  context.drawImage(overlay.image, (over.width - width) / 2, (over.height - height) / 2, width, height);
}

picture.addEventListener("load", () => {
  picture.classList.toggle("coarse", Math.max(picture.naturalWidth, picture.naturalHeight) <= 96);
  draw();
});
byId("opacity").addEventListener("input", draw);
byId("file").addEventListener("change", (event) => {
  if (event.target.files[0]) ask(event.target.files[0]);
  event.target.value = ""; // the same picture may be chosen again
});

const drop = byId("drop");
for (const kind of ["dragenter", "dragover"]) document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
for (const kind of ["dragleave", "drop"]) document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.remove("over"); });
document.addEventListener("drop", (event) => {
  const chosen = [...event.dataTransfer.files][0];
  if (chosen) ask(chosen); else say("That was no file; save the picture and drop it from there.", true);
});
document.addEventListener("paste", (event) => {
  const chosen = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
  if (chosen) ask(chosen); else say("There is no picture in the clipboard.", true);
});

fetch("about").then((response) => response.json()).then((said) => {
  about = said;
  byId("about").textContent = `${said.model}, ${said.classes.length} classes, ${said.runtime}`;
}).catch(() => say("The service cannot be reached.", true));
