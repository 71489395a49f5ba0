// Formats times in the viewer's time zone, polls for changes, copies text, and prevents a form from being sent twice.
// Every page works without this script.
'use strict';

const MINUTE = 60, HOUR = 3600, DAY = 86400;
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const precise = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: 'auto' });

function distance(seconds) {
  const size = Math.abs(seconds);
  if (size < 45) return relative.format(Math.round(seconds), 'second');
  if (size < 90 * MINUTE) return relative.format(Math.round(seconds / MINUTE), 'minute');
  if (size < 36 * HOUR) return relative.format(Math.round(seconds / HOUR), 'hour');
  return relative.format(Math.round(seconds / DAY), 'day');
}

function clock(seconds) {
  const left = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  if (left >= DAY) {
    const days = Math.floor(left / DAY), rest = Math.floor((left % DAY) / HOUR);
    return rest > 0 ? `in ${days} d ${rest} h` : relative.format(days, 'day');
  }
  const hours = Math.floor(left / HOUR);
  const rest = `${two(Math.floor((left % HOUR) / MINUTE))}:${two(left % MINUTE)}`;
  return hours > 0 ? `in ${hours}:${rest}` : `in ${rest}`;
}

function formatTimes(root) {
  for (const element of root.querySelectorAll('time[datetime]')) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const seconds = (at - Date.now()) / 1000;
    element.title = exact.format(at);
    const shape = element.dataset.shape;
    const text = shape === 'ago' ? distance(Math.min(0, seconds))
      : shape === 'until' ? (seconds > 0 ? clock(seconds) : 'soon')
      : shape === 'moment' ? precise.format(at)
      : exact.format(at);
    if (element.textContent !== text) element.textContent = text;
  }
}

function isInUse(root) {
  const active = document.activeElement;
  const typing = active && root.contains(active) && active.matches('input, select, textarea');
  const filled = [...root.querySelectorAll('input:not([type=hidden]):not([type=radio])')].some((input) => input.value !== '');
  const open = root.querySelector('details[open]');
  return typing || filled || open !== null || root.querySelector('button[aria-busy]') !== null;
}

function poll(root) {
  const pause = () => 1000 * Number(root.querySelector('[data-every]')?.dataset.every || 20);
  let failures = 0;
  const fetchOnce = async () => {
    if (!document.hidden && !isInUse(root)) {
      try {
        const answer = await fetch(root.dataset.live, { headers: { accept: 'text/html' }, redirect: 'error' });
        if (!answer.ok) throw new Error(String(answer.status));
        const text = await answer.text();
        if (text !== root.dataset.seen && !isInUse(root)) {
          root.dataset.seen = text;
          root.innerHTML = text;
          formatTimes(root);
        }
        failures = 0;
      } catch {
        failures += 1;
      }
    }
    setTimeout(fetchOnce, Math.min(pause() * 2 ** failures, 120000));
  };
  setTimeout(fetchOnce, pause());
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add('copied');
    setTimeout(() => button.classList.remove('copied'), 1500);
  } catch { /* the text is visible beside the button */ }
});

document.addEventListener('submit', (event) => {
  const button = event.target.querySelector('button[data-busy]');
  if (!button) return;
  if (button.hasAttribute('aria-busy')) { event.preventDefault(); return; }
  button.setAttribute('aria-busy', 'true');
  button.textContent = button.dataset.busy;
});

// a page restored from the browser's cache would still have its buttons disabled
window.addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });

formatTimes(document);
// on a narrow screen the current tab may be outside the visible part of the tab bar
document.querySelector('.tabbar [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
setInterval(() => formatTimes(document), 1000);
// a notice is not shown again, and a form is not sent again, when the page is reloaded
const once = document.querySelector('[data-once]');
if (once) history.replaceState(null, '', once.dataset.once);
const live = document.querySelector('[data-live]');
if (live) poll(live);
