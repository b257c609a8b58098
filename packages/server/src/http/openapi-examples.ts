/** JSON Schema, as it is in the description. */
export type Json = Record<string, unknown>;

/** What fields of these names hold in examples, wherever they are; of other names the schema itself decides. */
const byName: Readonly<Record<string, unknown>> = {
  roomId: 'studio',
  userId: 'anna',
  fileId: '1795258529992417306',
  fileName: 'Lesson 1',
  fileNamePrefix: 'Less',
  recordingId: '5a6f0c1e-7f0b-4b7e-9d53-0f6f1f6a9d10',
  jobId: '0d8f7c52-9a34-4e5c-8a38-1f5f0f0b7c11',
  parentId: 0,
  classId: 0,
  subscriberId: 'sub_3f8a1c',
  eventId: 'evt_6b1d0f4a9c2e4f7d8a5b3c1e0f9d7a62',
  deliveryId: 'dlv_9e2b7c',
  derivativeId: '0d8f7c52-0',
  coverId: '0d8f7c52-0',
  uploadId: '7c1e4b90a2d84f6f93d57b20c4e81a65',
  definition: 30,
  mimeType: 'video/mp4',
  durationMs: 2_700_000,
  sizeBytes: 412_345_678,
  tags: ['math'],
  tag: 'math',
  name: 'School',
  intro: 'Fractions, the first lesson',
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  md5: '098f6bcd4621d373cade4e832627b4f6',
  detail: null,
  subject: '5a6f0c1e-7f0b-4b7e-9d53-0f6f1f6a9d10',
  types: ['recording.*', 'asset.ready'],
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  key: 'ak_5f2c9a',
  hotlinkKey: 'k4yf0rl1nks',
  bizId: '8525',
  cursor: 'WyItc3RhcnRlZEF0IiwxNzk1MjU4NTI5OTkyLCIxIl0',
  nextCursor: null,
  day: '2026-11-21',
  width: 1280,
  height: 720,
  fps: 30,
  bitrateBps: 1_200_000,
  limit: 50,
  // In queries, where they are texts.
  live: 'true',
  now: 'true',
  banned: 'true',
};

/** Texts that have to be of a form. */
const formats: Readonly<Record<string, string>> = {
  'date-time': '2026-11-21T10:00:00.000Z',
  uri: 'https://example.com/aircheck',
  base64: 'iVBORw0KGgo=',
};

/** Texts for patterns that no name tells of. */
const texts = ['text', '10%', '12345678'];

/**
 * Something that a schema takes, as one would see it: made from the schema, so that it can't be wrong for long.
 * @param components - schemas that `$ref` leads to
 * @param io - of an input only what is needed is shown, or everything where nothing is
 */
export function exampleOf(
  schema: Json,
  components: Readonly<Record<string, unknown>>,
  io: 'input' | 'output',
): unknown {
  return new Example(components, io).of(schema);
}

class Example {
  readonly #components: Readonly<Record<string, unknown>>;
  readonly #io: 'input' | 'output';

  constructor(components: Readonly<Record<string, unknown>>, io: 'input' | 'output') {
    this.#components = components;
    this.#io = io;
  }

  of(given: Json, name = ''): unknown {
    const schema = this.#resolved(given);
    if (name in byName && takes(schema, byName[name], (part) => this.#resolved(part))) return byName[name];
    if ('const' in schema) return schema.const;
    if (Array.isArray(schema.enum)) return schema.enum[0];
    if (schema.default !== undefined && this.#io === 'input') return schema.default;
    const either = (schema.anyOf ?? schema.oneOf) as Json[] | undefined;
    if (either !== undefined) return this.of(either[0]!, name);
    if (Array.isArray(schema.allOf)) {
      return Object.assign({}, ...(schema.allOf as Json[]).map((part) => this.of(part, name)));
    }
    switch (schema.type) {
      case 'object':
        return this.#object(schema);
      case 'array':
        return this.#array(schema, name);
      case 'string':
        return text(schema);
      case 'number':
      case 'integer':
        return number(schema);
      case 'boolean':
        return true;
      case 'null':
        return null;
      default:
        return {};
    }
  }

  #object(schema: Json): Json {
    const properties = Object.entries((schema.properties ?? {}) as Record<string, Json>);
    const required = (schema.required ?? []) as string[];
    const shown =
      this.#io === 'input' && required.length > 0 ? properties.filter(([name]) => required.includes(name)) : properties;
    return Object.fromEntries(shown.map(([name, property]) => [name, this.of(property, name)]));
  }

  #array(schema: Json, name: string): unknown[] {
    const items =
      (schema.prefixItems as Json[] | undefined) ?? (schema.items === undefined ? [] : [schema.items as Json]);
    const one = items.map((item) => this.of(item, name.replace(/s$/, '')));
    // Distinct values are not made up: a list that needs several has the same thing as often.
    return Array.from({ length: Math.max(1, Number(schema.minItems ?? 1)) }, () => one).flat();
  }

  #resolved(schema: Json): Json {
    const reference = schema.$ref as string | undefined;
    if (Array.isArray(schema.type)) return { anyOf: schema.type.map((type) => ({ ...schema, type })) };
    if (reference === undefined) return schema;
    return this.#resolved(this.#components[reference.slice(reference.lastIndexOf('/') + 1)] as Json);
  }
}

/** Whether a value of {@link byName} can stand for a schema, as far as these values go. */
function takes(schema: Json, value: unknown, resolve: (schema: Json) => Json): boolean {
  const either = (schema.anyOf ?? schema.oneOf) as Json[] | undefined;
  if (either !== undefined) return either.some((part) => takes(resolve(part), value, resolve));
  if ('const' in schema) return schema.const === value;
  if (Array.isArray(schema.enum)) return schema.enum.includes(value);
  if (value === null) return schema.type === 'null';
  if (Array.isArray(value)) {
    return schema.type === 'array' && takes(resolve((schema.items ?? {}) as Json), value[0], resolve);
  }
  if (typeof value === 'number') {
    const { minimum = -Infinity, maximum = Infinity } = schema as { minimum?: number; maximum?: number };
    return (schema.type === 'number' || schema.type === 'integer') && value >= minimum && value <= maximum;
  }
  return schema.type === 'string' && schema.format === undefined && fits(schema, String(value));
}

function fits(schema: Json, value: string): boolean {
  const {
    minLength = 0,
    maxLength = Infinity,
    pattern,
  } = schema as {
    minLength?: number;
    maxLength?: number;
    pattern?: string;
  };
  return (
    value.length >= minLength &&
    value.length <= maxLength &&
    (pattern === undefined || new RegExp(pattern, 'u').test(value))
  );
}

function text(schema: Json): string {
  const known = formats[String(schema.format)];
  if (known !== undefined) return known;
  return texts.find((candidate) => fits(schema, candidate)) ?? 'text'.padEnd(Number(schema.minLength ?? 0), '-');
}

function number(schema: Json): number {
  const { minimum = 0, maximum = Infinity } = schema as { minimum?: number; maximum?: number };
  return Math.min(Math.max(minimum, 1), maximum);
}
