/** Values as numbers: the same number for values with the same text. */
export class Interned<Value> {
  readonly #textOf: (value: Value) => string;
  readonly #values: Value[] = [];
  readonly #numbers = new Map<string, number>();

  constructor(textOf: (value: Value) => string) {
    this.#textOf = textOf;
  }

  numberOf(value: Value): number {
    const text = this.#textOf(value);
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#values.length;
    this.#values.push(value);
    this.#numbers.set(text, number);
    return number;
  }

  at(number: number): Value {
    const value = this.#values[number];
    if (value === undefined) throw new Error(`there is no number ${number}`);
    return value;
  }
}
