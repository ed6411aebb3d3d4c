// Makes and changes elements. Text is only ever set as text: what the agent tells can hold anything.

/** An element of ours with attributes; strings among the children become text nodes. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Sets the text where it differs, so that nothing is read aloud or selected away for no change. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets the text of the line at the foot of the page, which is read aloud. */
export function announce(text) {
  byId("said").textContent = text;
}

/**
 * Puts the children in this order, moving as few as can be; focus stays where it was.
 * A child that is not in the list goes.
 */
export function arrange(parent, children) {
  const focused = document.activeElement;
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
}

/** Fills a select with [value, text] pairs when they are others than before; the choice stays if it still exists. */
export function options(select, pairs) {
  const now = JSON.stringify(pairs);
  if (select.dataset.pairs === now) return;
  const chosen = select.value;
  select.dataset.pairs = now;
  select.replaceChildren(...pairs.map(([value, text]) => el("option", { value }, text)));
  if (pairs.some(([value]) => value === chosen)) select.value = chosen;
}
