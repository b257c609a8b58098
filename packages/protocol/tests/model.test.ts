import { describe, expect, it } from 'vitest';
import { AssetQuery, FileName, RecordingId, RoomId, UserId } from '../src/index.ts';

describe('ids', () => {
  it.each(['studio', '课堂-7', 'a.b', '...', '.a', 'anna@example.org', 'x'.repeat(128)])('may be %s', (id) => {
    expect([RoomId.safeParse(id).success, UserId.safeParse(id).success]).toEqual([true, true]);
  });

  it.each(['', '.', '..', 'a/b', 'a\\b', 'a b', 'a?b', 'a#b', 'a%2f', 'a\0', 'x'.repeat(129)])(
    'that would not stay what they are in a URL are refused: %j',
    (id) => {
      expect([RoomId.safeParse(id).success, UserId.safeParse(id).success]).toEqual([false, false]);
    },
  );
});

it.each(['../../etc/passwd', 'C:\\con', 'a\r\nb\u001b[31m', '🎬 课程 ①', 'x'.repeat(1000)])(
  'a file may be named %j',
  (name) => {
    expect(FileName.parse(name)).toBe(name);
  },
);

describe('text that goes to the database', () => {
  it.each(['a\0b', '\ud83d', 'b\udc00'])('is refused where a database would not keep it: %j', (text) => {
    expect(FileName.safeParse(text).success).toBe(false);
    expect(AssetQuery.safeParse({ fileNamePrefix: text }).success).toBe(false);
    expect(AssetQuery.safeParse({ recordingId: text }).success).toBe(false);
    expect(RecordingId.safeParse(text).success).toBe(false);
  });
});
