
'use strict';
// The rows stand in the page as a table, each with its data beside it. This
// takes them out and puts back those that are asked for, a screenful at a time.
// Whatever comes from a file goes through textContent: it is never markup.
document.documentElement.classList.add('js');
document.addEventListener('DOMContentLoaded', () => {
  const CHUNK = 100;
  const byId = (id) => document.getElementById(id);
  const body = byId('rows');
  const columns = ['path', 'verdict', 'action', 'what', 'size', 'sha256'];
  let matching = [];
  let rendered = 0;
  let sorted = {key: '', down: false};

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined && text !== null) element.textContent = visible(text);
    return element;
  }

  // As Visible() of the program: what is not seen, or turns text round, is
  // shown by its number.
  function visible(text) {
    return String(text).replace(
        /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
        (c) => '\\u{' + c.charCodeAt(0).toString(16) + '}');
  }

  const items = Array.from(body.rows, (row, order) => {
    const texts = Array.from(row.cells, (cell) => cell.firstElementChild &&
        cell.classList.contains('hash') ? cell.firstElementChild.textContent :
        cell.textContent);
    const item = {row, order, detail: null};
    columns.forEach((key, i) => { item[key] = texts[i]; });
    item.size = Number(texts[4].replace(/\D/g, ''));
    item.search = [texts[0], texts[3], texts[5]].join('\n').toLowerCase();
    return item;
  });
  body.replaceChildren();
  body.classList.add('ready');

  const hex = (number) => '0x' + number.toString(16);
  const hexOr = (number, none) => number === null ? none : hex(number);

  function bytesText(digits) {
    if (digits === '') return '(the end of the file)';
    const bytes = digits.match(/../g);
    if (bytes.length > 8 && bytes.every((byte) => byte === bytes[0])) {
      return bytes[0] + ' (' + bytes.length + ' times)';
    }
    return bytes.join(' ');
  }

  function facts(pairs) {
    const list = make('dl', 'facts');
    for (const [name, value] of pairs) {
      if (value === null || value === undefined || value === '') continue;
      const pair = make('div');
      pair.append(make('dt', '', name), make('dd', 'mono', value));
      list.append(pair);
    }
    return list;
  }

  function table(names, rows, kinds) {
    const element = make('table', 'plain');
    const head = element.createTHead().insertRow();
    names.forEach((name) => {
      const cell = make('th', '', name);
      cell.scope = 'col';
      head.append(cell);
    });
    const rest = element.createTBody();
    for (const row of rows) {
      const line = rest.insertRow();
      row.forEach((text, i) => line.append(make('td', kinds[i], text)));
    }
    const scroll = make('div', 'scroll');
    scroll.append(element);
    return scroll;
  }

  function lines(parent, title, texts) {
    if (texts.length === 0) return;
    const list = make('ul');
    texts.forEach((text) => list.append(make('li', '', text)));
    parent.append(make('h3', '', title), list);
  }

  function setupLogText(log) {
    if (!log) return null;
    if (log.problem) return log.path + ': ' + log.problem;
    const has = log.path + ': checksum ' + hex(log.check_sum);
    if (log.updated_to !== null) return has + ', updated to ' + hex(log.updated_to);
    return has + (log.agrees ? ', agrees' : ', differs');
  }

  function showFacts(data, into) {
    into.append(facts([
      ['Path', data.path], ['Path, bytes', data.path_hex],
      ['Host', data.host], ['Run', data.from_run],
      ['Size', data.size === null ? null : data.size.toLocaleString('en') + ' bytes'],
      ['SHA-256', data.sha256], ['SHA-256 before', data.sha256_before],
      ['Machine', typeof data.machine === 'number' ? hex(data.machine) : data.machine],
      ['Is by its content', data.target],
      ['Fixed by', data.fixed_by &&
          data.fixed_by + (data.fixed_version ? ' ' + data.fixed_version : '')],
      ['Packed as', data.packing === 'none' ? null : data.packing],
      ['Placed', data.placed], ['Renamed to', data.renamed_to],
      ['SETUP.LOG', setupLogText(data.setup_log)], ['Backup', data.backup],
      ['Known from', data.from_ledger ? 'the ledger; not read again' : null],
    ]));
  }

  function showSignature(signature, into) {
    if (!signature) return;
    into.append(make('h3', '', 'Signature: ' + signature.match +
        (signature.of_original ? ' (of the original)' : '')));
    if (signature.candidates.length === 0) {
      into.append(make('p', '', 'No row of the tables matches.'));
      return;
    }
    into.append(table(['Build', 'Product', 'Levels', 'Crypto', 'State', 'Agrees in'],
        signature.candidates.map((row) => [row.id, row.product,
          row.levels.join(', '), row.crypto ? row.crypto + '-bit' : '',
          row.state || '', row.agrees.join(', ')]),
        ['mono', '', '', '', '', '']));
  }

  function showSections(sections, into) {
    if (sections.length === 0) return;
    into.append(make('h3', '', 'Critical sections'));
    into.append(table(['RVA', 'Initialised at', 'By', 'Deleted at', 'Leaks'],
        sections.map((one) => [hex(one.rva), hexOr(one.initialised_at, ''),
          one.initialised_by, hexOr(one.deleted_at, 'nowhere'),
          one.leaked ? 'yes' : 'no']),
        ['mono', 'mono', 'mono', 'mono', '']));
  }

  function showEdits(edits, into) {
    if (edits.length === 0) return;
    into.append(make('h3', '', 'Edits'));
    into.append(table(['Offset', 'RVA', 'Before', 'After', 'Why'],
        edits.map((edit) => [hex(edit.offset), hexOr(edit.rva, ''),
          bytesText(edit.before), bytesText(edit.after), edit.why]),
        ['mono', 'mono', 'bytes', 'bytes', '']));
  }

  function listing(title, groups, marked, mark) {
    const box = make('div');
    box.append(make('h3', '', title));
    const pre = make('pre', 'listing');
    for (const [head, code] of groups) {
      if (head) pre.append(make('span', 'head', head));
      for (const line of code) {
        pre.append(make('span', marked.has(line) ? mark : '',
            hex(line.rva).padEnd(10) + line.bytes.replace(/(..)/g, '$1 ').padEnd(25) +
            line.text));
      }
    }
    box.append(pre);
    return box;
  }

  function showListing(data, into) {
    const {before, after} = data.listing;
    if (before.length + after.length + data.stub.length === 0) return;
    const id = (line) => line.rva + ' ' + line.bytes;
    const jumps = new Set(after.map(id));
    const inserted = data.stub.filter((line) => !jumps.has(id(line)));
    const old = new Set(before.map(id));
    const gone = new Set(after.length === 0 ? [] :
        before.filter((line) => !jumps.has(id(line))));
    const added = new Set([...after.filter((line) => !old.has(id(line))), ...inserted]);
    const sides = make('div', 'sides');
    sides.append(
        listing('Before', [['at the hook: ' + data.hook, before]], gone, 'del'),
        listing('After', [
          [after.length ? 'at the hook' : 'the old entry stays; the loader enters the code below', after],
          ['injected code, ' + data.cave, inserted]], added, 'ins'));
    into.append(sides);
  }

  function detailOf(item) {
    if (item.detail) return item.detail;
    const data = JSON.parse(item.row.querySelector('script').textContent);
    const row = make('tr', 'detail');
    const cell = row.insertCell();
    cell.colSpan = columns.length;
    showFacts(data, cell);
    if (data.error) cell.append(make('p', 'error', data.error));
    lines(cell, 'Verdict: ' + data.verdict, [data.because, ...data.evidence]
        .filter((text, i, all) => text && all.indexOf(text) === i));
    lines(cell, 'Notes', data.notes);
    showSections(data.critical_sections, cell);
    showSignature(data.signature, cell);
    showListing(data, cell);
    showEdits(data.edits, cell);
    item.detail = row;
    return row;
  }

  function toggle(item, open) {
    item.button.setAttribute('aria-expanded', String(open));
    if (open) item.row.after(detailOf(item));
    else if (item.detail) item.detail.remove();
  }

  const isOpen = (item) => item.button !== undefined &&
      item.button.getAttribute('aria-expanded') === 'true';

  // A row becomes one that opens when it is first shown.
  function prepare(item) {
    if (item.button) return;
    const name = item.row.querySelector('.name');
    item.button = make('button', '', name.textContent);
    item.button.type = 'button';
    item.button.setAttribute('aria-expanded', 'false');
    name.replaceWith(item.button);
    item.row.addEventListener('click', () => {
      if (String(getSelection()) === '') toggle(item, !isOpen(item));
    });
  }

  function renderMore(count) {
    const part = document.createDocumentFragment();
    for (const item of matching.slice(rendered, rendered + count)) {
      prepare(item);
      part.append(item.row);
      if (isOpen(item)) part.append(item.detail);
    }
    rendered = Math.min(rendered + count, matching.length);
    body.append(part);
    byId('more').textContent = rendered < matching.length ?
        (matching.length - rendered).toLocaleString('en') + ' more below' : '';
  }

  const checked = (id) => new Set(Array.from(
      byId(id).querySelectorAll('input:checked'), (box) => box.value));

  function compare(a, b) {
    const [x, y] = [a[sorted.key], b[sorted.key]];
    const order = x < y ? -1 : x > y ? 1 : 0;
    return (sorted.down ? -order : order) || a.order - b.order;
  }

  function update() {
    const words = byId('text').value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = checked('verdicts');
    const actions = checked('actions');
    matching = items.filter((item) => verdicts.has(item.verdict) &&
        actions.has(item.action) && words.every((word) => item.search.includes(word)));
    if (sorted.key) matching.sort(compare);
    body.replaceChildren();
    rendered = 0;
    renderMore(CHUNK);
    byId('shown').textContent = matching.length.toLocaleString('en') + ' of ' +
        items.length.toLocaleString('en') + ' files';
  }

  function addChoices(id, key) {
    const counts = new Map();
    items.forEach((item) => counts.set(item[key], (counts.get(item[key]) || 0) + 1));
    for (const [value, count] of counts) {
      const label = make('label');
      const box = make('input');
      box.type = 'checkbox';
      box.value = value;
      box.checked = true;
      label.append(box, ' ' + value + ' (' + count.toLocaleString('en') + ')');
      byId(id).append(label);
    }
    byId(id).addEventListener('change', update);
  }

  function addSorting(header) {
    const button = make('button', '', header.textContent);
    button.type = 'button';
    header.replaceChildren(button);
    button.addEventListener('click', () => {
      const key = header.dataset.key;
      sorted = {key, down: sorted.key === key && !sorted.down};
      document.querySelectorAll('.files thead th').forEach((other) =>
        other.removeAttribute('aria-sort'));
      header.setAttribute('aria-sort', sorted.down ? 'descending' : 'ascending');
      update();
    });
  }

  addChoices('verdicts', 'verdict');
  addChoices('actions', 'action');
  document.querySelectorAll('.files thead th').forEach(addSorting);
  byId('text').addEventListener('input', update);
  byId('filter').addEventListener('submit', (event) => event.preventDefault());
  byId('open-all').addEventListener('click', () =>
    matching.slice(0, rendered).forEach((item) => toggle(item, true)));
  byId('close-all').addEventListener('click', () =>
    items.filter(isOpen).forEach((item) => toggle(item, false)));
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) renderMore(CHUNK);
  }, {rootMargin: '800px'}).observe(byId('more'));
  addEventListener('beforeprint', () => renderMore(matching.length));
  update();
});
