import type { Works } from '../work-orders.ts';

/**
 * All kinds of work. Each is loaded when it is first ordered: what decodes and encodes needs `node-av`, an optional
 * dependency of 170 MB, and the others must do without.
 */
export const works: Works = {
  transcode: async (order, context) => (await import('./transcode.ts')).transcode(order, context),
  aac: async (order, context) => (await import('./aac.ts')).aac(order, context),
  snapshot: async (order, context) => (await import('./snapshot.ts')).snapshot(order, context),
  cover: async (order, context) => (await import('./cover.ts')).cover(order, context),
  sprite: async (order, context) => (await import('./sprite.ts')).sprite(order, context),
  concat: async (order, context) => (await import('./concat.ts')).concat(order, context),
  clip: async (order, context) => (await import('./clip.ts')).clip(order, context),
  hash: async (order, context) => (await import('./hash.ts')).hash(order, context),
  probe: async (order, context) => (await import('./probe.ts')).probe(order, context),
};
