/** Scripts that start those of other origins, by address. */
const starters = new Map<string, string>();

/**
 * A `Worker` whose script may lie on another server than the page, as it does where a page imports `/sdk/recorder.js` from
 * Aircheck: browsers refuse to start such a script (HTML, "run a worker": same origin only), but one of the page's own may
 * import it. To be used under the name `Worker`, by which bundlers find what belongs to a worker.
 */
export class ModuleWorker extends Worker {
  constructor(url: URL, options: WorkerOptions & { readonly type: 'module' }) {
    super(url.origin === location.origin || url.protocol === 'blob:' ? url : starterOf(url.href), options);
  }
}

function starterOf(address: string): string {
  const known = starters.get(address);
  if (known !== undefined) return known;
  const script = new Blob([`import ${JSON.stringify(address)};`], { type: 'text/javascript' });
  const starter = URL.createObjectURL(script);
  starters.set(address, starter);
  return starter;
}
