/** A download has begun long before, in milliseconds: browsers do not tell when it has. */
const DOWNLOAD_BEGUN_MS = 60_000;

interface FilePickerWindow {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
}

/**
 * Whether {@link saveFile} can ask where to: Chromium on desktops can, Firefox and Safari cannot
 * (https://developer.mozilla.org/docs/Web/API/Window/showSaveFilePicker#browser_compatibility).
 */
export function canPickFile(): boolean {
  return typeof (globalThis as FilePickerWindow).showSaveFilePicker === 'function';
}

/**
 * Saves a file where the user says; where the browser cannot ask, or nobody has just clicked, it goes to the downloads. It
 * is streamed, never held in memory.
 * @returns false when the user thought better of it
 * @throws DOMException when the place cannot be written
 */
export async function saveFile(file: File): Promise<boolean> {
  const { showSaveFilePicker } = globalThis as FilePickerWindow;
  if (showSaveFilePicker === undefined || !navigator.userActivation.isActive) {
    download(file);
    return true;
  }
  let handle: FileSystemFileHandle;
  try {
    handle = await showSaveFilePicker.call(globalThis, { suggestedName: file.name });
  } catch (error) {
    if ((error as DOMException).name === 'AbortError') return false;
    throw error;
  }
  await file.stream().pipeTo(await handle.createWritable());
  return true;
}

function download(file: File): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), DOWNLOAD_BEGUN_MS);
}
