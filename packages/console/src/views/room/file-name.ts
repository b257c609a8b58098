/**
 * `demo ann camera 2026-11-21 10.03.12`: told apart at a glance, sorted by time within a person.
 * @param who - the user, or a word for everybody
 * @param what - a word for what is recorded, in the reader's language
 */
export function fileNameOf(roomId: string, who: string, what: string): string {
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}.${two(now.getMinutes())}.${two(now.getSeconds())}`;
  return `${roomId} ${who} ${what} ${date} ${time}`;
}
