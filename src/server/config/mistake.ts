/** What is wrong, and with what. Never holds the value of a secret. */
export interface Mistake {
  readonly key: string;
  readonly problem: string;
}
