import type { AssetClass } from '@aircheck/protocol';
import type { LibraryTranslate } from '../../i18n/library-i18n.ts';

/** The class of files that nobody has put into another. */
export const defaultClassId = 0;
export const deepestLevel = 4;

/** A class's name; the default class is called as the reader's language calls it. */
export function className({ classId, name }: AssetClass, t: LibraryTranslate): string {
  return classId === defaultClassId ? t('class.default') : name;
}

/** `Lessons / Spring`, from the top. */
export function classPath(classes: readonly AssetClass[], classId: number, t: LibraryTranslate): string {
  const names: string[] = [];
  let at: AssetClass | undefined = classes.find((one) => one.classId === classId);
  if (at === undefined) return classId === defaultClassId ? t('class.default') : `#${classId}`;
  // Levels end the walk, should parents ever form a ring.
  for (let level = 0; at !== undefined && level < deepestLevel; level += 1) {
    names.unshift(className(at, t));
    const { parentId }: AssetClass = at;
    at = parentId === 0 ? undefined : classes.find((one) => one.classId === parentId);
  }
  return names.join(' / ');
}

export function childrenOf(classes: readonly AssetClass[], parentId: number): AssetClass[] {
  return classes.filter((one) => one.parentId === parentId && one.classId !== defaultClassId);
}

/** The class and all below it. */
export function familyOf(classes: readonly AssetClass[], classId: number): AssetClass[] {
  const self = classes.filter((one) => one.classId === classId);
  return classId === defaultClassId
    ? self
    : [...self, ...childrenOf(classes, classId).flatMap((child) => familyOf(classes, child.classId))];
}

/** Files of the class and of those below it. */
export function filesIn(classes: readonly AssetClass[], classId: number): number {
  return familyOf(classes, classId).reduce((sum, { fileCount }) => sum + fileCount, 0);
}

/** Where a class may be put: not below itself, and not so that the tree gets too deep. */
export function possibleParents(classes: readonly AssetClass[], moved: AssetClass): AssetClass[] {
  const family = familyOf(classes, moved.classId);
  const height = Math.max(...family.map(({ level }) => level)) - moved.level + 1;
  return classes.filter(
    (one) => one.classId !== defaultClassId && !family.includes(one) && one.level + height <= deepestLevel,
  );
}
