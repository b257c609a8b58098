/** Which states of a task flow are told: its end alone, each change of one of its tasks, none (266/9642). */
export const notifyModes = ['Finish', 'Change', 'None'] as const;
export type NotifyMode = (typeof notifyModes)[number];

/** What a procedure keeps the mode as: its `purpose`. */
export function purposeOf(mode: NotifyMode): string {
  return `notify ${mode}`;
}

/** The mode of a procedure, by its `purpose`; of one that was begun without it, the vendor's default. */
export function notifyModeOf(purpose: unknown): NotifyMode {
  return notifyModes.find((mode) => purpose === purposeOf(mode)) ?? 'Finish';
}
