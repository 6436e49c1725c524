/** What a recurring schedule expression may look like, for error messages. */
export const ALLOWED_SCHEDULE =
  "rate(VALUE UNIT), such as rate(1 day), or a cron expression of six fields " +
  "(minutes hours day-of-month month day-of-week year) with ? in exactly one of the two day fields, " +
  "such as cron(0 6 * * ? *)";

interface Field {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
  /** Forms that only this field has, such as `L`. */
  readonly special?: RegExp;
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/**
 * The six fields of a cron expression,
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based.
 */
const FIELDS: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31, special: /^(L|LW|\d{1,2}W)$/ },
  { min: 1, max: 12, names: MONTHS },
  { min: 1, max: 7, names: WEEKDAYS, special: /^(L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5]))$/ },
  { min: 1970, max: 2199 },
];

/** Whether EventBridge Scheduler would take the text as a recurring schedule. */
export function isScheduleExpression(text: string): boolean {
  const rate = /^rate\((\d+) (minutes?|hours?|days?)\)$/.exec(text);
  if (rate) {
    // EventBridge insists on the singular for one and on the plural for more.
    return Number(rate[1]) > 0 && (Number(rate[1]) === 1) === !rate[2]!.endsWith("s");
  }
  const cron = /^cron\((.+)\)$/.exec(text);
  return cron !== null && isCron(cron[1]!);
}

function isCron(text: string): boolean {
  const parts = text.split(" ");
  if (parts.length !== FIELDS.length) {
    return false;
  }
  if ((parts[2] === "?") === (parts[4] === "?")) {
    return false;
  }
  return parts.every((part, index) =>
    index === 2 || index === 4 ? part === "?" || isField(part, FIELDS[index]!) : isField(part, FIELDS[index]!),
  );
}

function isField(text: string, field: Field): boolean {
  return text.split(",").every((item) => {
    if (field.special?.test(item.toUpperCase())) {
      return true;
    }
    const [range, step, ...rest] = item.split("/");
    if (rest.length > 0 || (step !== undefined && !/^[1-9]\d*$/.test(step))) {
      return false;
    }
    if (range === "*") {
      return true;
    }
    const ends = range!.split("-").map((end) => valueOf(end, field));
    return (
      ends.length <= 2 &&
      ends.every((end) => end !== undefined && end >= field.min && end <= field.max) &&
      (ends.length === 1 || ends[0]! <= ends[1]!)
    );
  });
}

function valueOf(text: string, field: Field): number | undefined {
  if (/^\d+$/.test(text)) {
    return Number(text);
  }
  const position = field.names?.indexOf(text.toUpperCase()) ?? -1;
  return position < 0 ? undefined : position + field.min;
}
