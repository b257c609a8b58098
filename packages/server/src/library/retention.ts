import { AircheckError, type RetentionRules } from '@aircheck/protocol';
import type { Database } from '../db/index.ts';
import type { Classes } from './classes.ts';

/** Stands for every class without a rule of its own. */
export const allOtherClasses = -1;

type Rule = RetentionRules['items'][number];

/** How many days files are kept, per app and class. */
export class Retention {
  readonly #db: Database;
  readonly #classes: Classes;

  constructor(db: Database, classes: Classes) {
    this.#db = db;
    this.#classes = classes;
  }

  /** An app's rules, by class. */
  async rules(appId: string): Promise<Rule[]> {
    const rows = await this.#db
      .selectFrom('retention_rules')
      .select(['class_id', 'days'])
      .where('app_id', '=', appId)
      .orderBy('class_id')
      .execute();
    return rows.map(({ class_id, days }) => ({ classId: class_id, days }));
  }

  /**
   * Puts these rules in the place of all that the app has had.
   * @throws AircheckError `class-not-found`; `request-invalid` for two rules of one class
   */
  async replace(appId: string, rules: readonly Rule[]): Promise<Rule[]> {
    await this.#db.transaction().execute(async (transaction) => {
      for (const [index, { classId }] of rules.entries()) {
        const input = `body.items.${index}.classId`;
        if (rules.findIndex((rule) => rule.classId === classId) !== index) {
          throw new AircheckError('request-invalid', `${input}: there are two rules for class ${classId}`, { input });
        }
        if (classId !== allOtherClasses) await this.#classes.require(appId, classId, input, transaction);
      }
      await transaction.deleteFrom('retention_rules').where('app_id', '=', appId).execute();
      if (rules.length === 0) return;
      await transaction
        .insertInto('retention_rules')
        .values(rules.map(({ classId, days }) => ({ app_id: appId, class_id: classId, days })))
        .execute();
    });
    return this.rules(appId);
  }
}
