/**
 * Room: segmentation (S-1). Functions and types that a governed statement may name: those that compute from what they are given. What reads files, opens
 * connections, runs text as SQL, changes settings, waits or locks is not here, and neither is what nobody has looked at. A person may add to them for one tool.
 */
import type { Dialect } from '../../wire/database.ts';
import { wordSet } from '../classify.ts';

/** In every dialect. */
const common = wordSet(
  'count sum avg min max abs ceil ceiling floor round sign sqrt power mod ' +
    'lower upper length char_length character_length octet_length trim btrim ltrim rtrim substr substring replace concat concat_ws position ' +
    'coalesce nullif ifnull greatest least date time datetime strftime julianday date_format year month day hour minute second datediff date_add date_sub ' +
    'row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value group_concat total',
);

const postgresql = wordSet(
  'like_escape similar_to_escape notlike overlay left right lpad rpad reverse initcap strpos split_part string_to_array string_agg array_agg array_length ' +
    'array_to_string array_position array_append array_prepend array_cat array_remove cardinality unnest generate_series starts_with ascii chr md5 sha256 encode ' +
    'decode format to_char to_date to_timestamp to_number regexp_replace regexp_match regexp_matches regexp_like regexp_count regexp_substr translate ' +
    'trunc exp ln log log10 cbrt div degrees radians pi gcd lcm width_bucket sin cos tan asin acos atan atan2 random ' +
    'bool_and bool_or every bit_and bit_or corr covar_pop covar_samp regr_slope regr_intercept regr_r2 stddev stddev_pop stddev_samp variance var_pop var_samp ' +
    'mode percentile_cont percentile_disc any_value ' +
    'now current_timestamp transaction_timestamp statement_timestamp clock_timestamp age date_part date_trunc date_bin extract make_date make_time ' +
    'make_timestamp make_interval justify_days justify_hours isfinite timezone overlaps ' +
    'to_json to_jsonb row_to_json json_agg jsonb_agg json_object_agg jsonb_object_agg json_build_object jsonb_build_object json_build_array jsonb_build_array ' +
    'json_array_length jsonb_array_length json_array_elements jsonb_array_elements json_array_elements_text jsonb_array_elements_text json_object_keys ' +
    'jsonb_object_keys json_each jsonb_each json_each_text jsonb_each_text json_extract_path jsonb_extract_path json_extract_path_text jsonb_extract_path_text ' +
    'json_typeof jsonb_typeof jsonb_set jsonb_pretty jsonb_strip_nulls jsonb_path_exists jsonb_path_query ' +
    'to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline lower_inc upper_inc isempty ' +
    'gen_random_uuid num_nulls num_nonnulls pg_typeof is_normalized normalize',
);

const usualTypes = wordSet(
  'int int2 int4 int8 integer bigint smallint numeric decimal float4 float8 real bool boolean text varchar bpchar char date time timetz timestamp timestamptz ' +
    'interval uuid json jsonb bytea bit varbit inet cidr macaddr money point int4range int8range numrange daterange tsrange tstzrange tsvector tsquery',
);

export const isUsualFunction = (name: string, dialect: Dialect): boolean =>
  common.has(name) || (dialect === 'postgresql' && postgresql.has(name));

export const isUsualType = (name: string): boolean => usualTypes.has(name);
