/**
 * A setting of an option in both shapes of the vendor: called as the Android SDK's method, `option.fileName('x')`, and
 * assigned as the iOS SDK's property, `option.fileName = 'x'`. What reading it gives is therefore a function; it turns
 * into its value as text and by `valueOf()`.
 */
export interface Setting<Value, Owner> {
  /** Sets the value. @returns the option, for the next call */
  (value: Value): Owner;
  valueOf(): Value;
  toString(): string;
  toJSON(): Value;
}

/** What reading a setting gives. */
export function setting<Value, Owner>(
  owner: Owner,
  value: Value,
  change: (value: Value) => void,
): Setting<Value, Owner> {
  const set = (next: Value): Owner => {
    change(next);
    return owner;
  };
  return Object.assign(set, {
    valueOf: () => value,
    toString: () => String(value),
    toJSON: () => value,
  });
}
