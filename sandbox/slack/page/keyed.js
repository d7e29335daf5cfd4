// Draws keyed items under a node and touches only what changed: clicks under way, focus and scroll survive.

export class Keyed {
  constructor(root) {
    this.root = root;
    this.drawn = new Map();
  }

  clear() {
    this.drawn.clear();
    this.root.replaceChildren();
  }

  /** Items are {key, mark, make} or nothing: made anew where `mark`, any plain data, is not what it was. */
  draw(items) {
    const wanted = items.filter(Boolean).map((item) => ({ ...item, mark: JSON.stringify(item.mark ?? null) }));
    this.forget(new Set(wanted.map((item) => item.key)));
    let at = this.root.firstChild;
    for (const item of wanted) {
      const node = this.nodeFor(item);
      if (at && at.parentNode !== this.root) at = node; // it was just drawn again
      if (node === at) at = at.nextSibling;
      else this.root.insertBefore(node, at);
    }
  }

  forget(wanted) {
    for (const [key, old] of this.drawn) {
      if (wanted.has(key)) continue;
      old.node.remove();
      this.drawn.delete(key);
    }
  }

  nodeFor(item) {
    const old = this.drawn.get(item.key);
    if (old?.mark === item.mark) return old.node;
    const node = item.make();
    if (old) swap(old.node, node);
    this.drawn.set(item.key, { mark: item.mark, node });
    return node;
  }
}

/** Puts the new drawing in the place of the old and keeps the focus on the same control. */
function swap(old, node) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(node);
  if (!focused) return;
  if (old.tabIndex >= 0 && node.hasAttribute("tabindex")) node.tabIndex = 0;
  (focused === old ? node : twin(focused, node)).focus({ preventScroll: true });
}

function twin(focused, node) {
  for (const [attribute, name] of [["data-action-id", "actionId"], ["data-testid", "testid"]]) {
    const value = focused.dataset[name];
    const found = value && [node, ...node.querySelectorAll(`[${attribute}="${CSS.escape(value)}"]`)].find((one) => one.dataset[name] === value);
    if (found) return found;
  }
  return node;
}
