import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { WorkerStats } from '../worker/contract.ts';
import { pathOf } from './problems.ts';

/** What the probes and metrics ask the rest of the server. */
export interface Health {
  /** The server is shutting down. */
  draining(): boolean;
  /** Media workers that are up. */
  readyWorkers(): number;
  workerStats(): Promise<readonly WorkerStats[]>;
  /** Jobs that wait and run, where there is a queue. */
  jobCounts?(): Promise<readonly { readonly lane: string; readonly state: string; readonly count: number }[]>;
}

/** `/healthz` (the process lives), `/readyz` (it can take work) and `/metrics` (Prometheus). */
export function registerHealth(app: FastifyInstance, health: Health): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const workers = health.readyWorkers();
    const status = health.draining() ? 'draining' : workers === 0 ? 'no-media-worker' : 'ready';
    return reply
      .code(status === 'ready' ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status, workers });
  });

  const metrics = new Metrics(health);
  app.addHook('onResponse', async (request, reply) => {
    // The route's pattern, not the path: ids would make a new series each.
    if (pathOf(request) !== '/metrics') {
      metrics.observeRequest(request.method, request.routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime);
    }
  });
  app.addHook('onClose', async () => metrics.close());
  app.get('/metrics', async (_request, reply) => {
    reply.type(metrics.contentType);
    return metrics.text();
  });
}

/** Each measurement wakes the process. */
const DELAY_RESOLUTION_MS = 200;

class Metrics {
  readonly #registry = new Registry();
  readonly #health: Health;
  readonly #loopDelay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  readonly #peers = this.#gauge('aircheck_peers', 'WebRTC connections');
  readonly #recordings = this.#gauge('aircheck_recordings', 'Recordings that have not ended');
  readonly #workers = this.#gauge('aircheck_media_workers', 'Media workers that are up');
  readonly #memory = this.#gauge('aircheck_resident_memory_bytes', 'Resident memory', ['process']);
  readonly #delay = this.#gauge('aircheck_event_loop_delay_seconds', 'Mean delay of the event loop', ['process']);
  readonly #packets = this.#gauge('aircheck_rtp_packets', 'RTP packets since the media workers started', ['direction']);
  readonly #jobs = this.#gauge('aircheck_jobs', 'Jobs that have not ended', ['lane', 'state']);
  readonly #requests: Histogram<'method' | 'route' | 'status'>;
  readonly #uptime: Counter;

  constructor(health: Health) {
    this.#health = health;
    this.#requests = new Histogram({
      name: 'aircheck_http_request_duration_seconds',
      help: 'HTTP requests',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.025, 0.1, 0.25, 1, 5],
      registers: [this.#registry],
    });
    this.#uptime = new Counter({
      name: 'aircheck_uptime_seconds_total',
      help: 'Seconds since the process started',
      registers: [this.#registry],
    });
    this.#loopDelay.enable();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  observeRequest(method: string, route: string, status: number, durationMs: number): void {
    this.#requests.observe({ method, route, status: String(status) }, durationMs / 1000);
  }

  async text(): Promise<string> {
    const workers = await this.#health.workerStats();
    const sum = (value: (stats: WorkerStats) => number) => workers.reduce((total, stats) => total + value(stats), 0);
    this.#peers.set(sum((stats) => stats.peers));
    this.#recordings.set(sum((stats) => stats.recordings));
    this.#workers.set(this.#health.readyWorkers());
    this.#packets.set(
      { direction: 'in' },
      sum((stats) => stats.packetsIn),
    );
    this.#packets.set(
      { direction: 'out' },
      sum((stats) => stats.packetsOut),
    );
    this.#jobs.reset();
    for (const { lane, state, count } of (await this.#health.jobCounts?.()) ?? [])
      this.#jobs.set({ lane, state }, count);
    this.#memory.reset();
    this.#delay.reset();
    this.#memory.set({ process: 'control' }, process.memoryUsage.rss());
    // The histogram holds the whole time between two of its own timers.
    const loopDelayMs = Math.max(0, this.#loopDelay.mean / 1e6 - DELAY_RESOLUTION_MS) || 0;
    this.#delay.set({ process: 'control' }, loopDelayMs / 1000);
    this.#loopDelay.reset();
    for (const [index, stats] of workers.entries()) {
      this.#memory.set({ process: `worker-${index}` }, stats.rssBytes);
      this.#delay.set({ process: `worker-${index}` }, stats.eventLoopDelayMs / 1000);
    }
    this.#uptime.reset();
    this.#uptime.inc(performance.now() / 1000);
    return this.#registry.metrics();
  }

  close(): void {
    this.#loopDelay.disable();
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }
}
