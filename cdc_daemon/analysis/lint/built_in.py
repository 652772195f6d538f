"""What PostgreSQL's own functions depend on besides their arguments.

A built-in function is declared STABLE because it reads a setting, the catalogue, tables or the state of the
server. The daemon pins the settings; no trigger fires for the rest. So every STABLE function stands here with
its reason, and so do the IMMUTABLE ones whose value is not one of their arguments alone. VOLATILE ones need
no entry: all are refused. Nor do those that only the server calls (with an argument of type internal).

Some libraries of the server decide, too: time zones, Unicode, collations. They change only with a version of
the server or of its system.

The list was made from pg_proc of PostgreSQL 15 and 18; a test finds every function that it lacks. A name that
ends with * stands for all that begin so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from cdc_daemon.analysis.model.catalogue import Function


@dataclass(frozen=True)
class Kind:
    """A group of built-in functions.

    Attributes:
        depends: what their value depends on: a sentence that begins with the function's name.
        verdict: one of `VERDICTS`; None if a feed may use them.
        hint: the remedy.
        functions: their names, or names and argument types.
    """

    depends: str
    verdict: str | None
    hint: str
    functions: str


SETTINGS = Kind(
    "depends on its arguments, the types of these and settings that the daemon pins",
    None,
    "",
    """
    aclexplode anytextcat textanycat concat concat_ws convert convert_from convert_to format length
    array_to_json array_to_string json_agg json_agg_strict json_build_array json_build_object json_object_agg
    json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict json_populate_record
    json_populate_recordset json_to_record json_to_recordset jsonb_agg jsonb_agg_strict jsonb_build_array
    jsonb_build_object jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique
    jsonb_object_agg_unique_strict jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_array_tz
    jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record jsonb_populate_record_valid
    jsonb_populate_recordset jsonb_to_record jsonb_to_recordset row_to_json to_json to_jsonb
    date date_add date_cmp_timestamptz date_eq_timestamptz date_ge_timestamptz date_gt_timestamptz
    date_le_timestamptz date_lt_timestamptz date_ne_timestamptz date_part date_subtract date_trunc extract
    generate_series in_range interval_pl_timestamptz make_timestamptz overlaps time timestamp
    timestamp_cmp_timestamptz timestamp_eq_timestamptz timestamp_ge_timestamptz timestamp_gt_timestamptz
    timestamp_le_timestamptz timestamp_lt_timestamptz timestamp_ne_timestamptz timestamptz
    timestamptz_cmp_date timestamptz_cmp_timestamp timestamptz_eq_date timestamptz_eq_timestamp
    timestamptz_ge_date timestamptz_ge_timestamp timestamptz_gt_date timestamptz_gt_timestamp
    timestamptz_le_date timestamptz_le_timestamp timestamptz_lt_date timestamptz_lt_timestamp
    timestamptz_mi_interval timestamptz_ne_date timestamptz_ne_timestamp timestamptz_pl_interval timetz
    timezone money numeric to_char to_date to_number to_timestamp quote_literal quote_nullable
    xml xml_is_well_formed pg_char_to_encoding pg_encoding_to_char pg_mcv_list_items pg_options_to_table
    pg_typeof
    """,
)
INPUT_AND_OUTPUT = Kind(
    "is how the server reads and writes values of a type, as the type's own settings and parts say",
    None,
    "",
    """
    anyarray_out anycompatiblearray_out anycompatiblemultirange_in anycompatiblemultirange_out
    anycompatiblerange_in anycompatiblerange_out anyenum_out anymultirange_in anymultirange_out anyrange_in
    anyrange_out array_in array_out cash_in cash_out cstring_send date_in date_out domain_in
    interval_in interval_out multirange_in multirange_out range_in range_out record_in record_out time_in
    timestamp_in timestamp_out timestamptz_in timestamptz_out timetz_in xml_in
    array_send anyarray_send anycompatiblearray_send bpcharsend brin_bloom_summary_send
    brin_minmax_multi_summary_send multirange_send namesend pg_dependencies_send pg_mcv_list_send
    pg_ndistinct_send pg_node_tree_send range_send record_send textsend varcharsend xml_send
    """,
)
ENUM = Kind(
    "depends on the labels of an enum; when these change, the daemon resyncs the feed",
    None,
    "",
    "enum_first enum_last enum_range enum_in enum_out enum_send",
)
CLOCK = Kind(
    "reads the clock, of which the verdict `clock` tells",
    None,
    "",
    "age now statement_timestamp transaction_timestamp",
)
TABLES = Kind(
    "reads tables that it is given by name, or all of a schema or of the database",
    "function-reads",
    "",
    """
    table_to_xml table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema
    schema_to_xml_and_xmlschema database_to_xml database_to_xmlschema database_to_xml_and_xmlschema
    """,
)
CATALOGUE = Kind(
    "reads the system catalogue, and no trigger can be created on that: a renamed table, a changed comment "
    "or right would reach no document",
    "system-catalogue",
    "keep in a table what the documents need of it",
    """
    col_description obj_description shobj_description format_type oidvectortypes
    has_any_column_privilege has_column_privilege has_database_privilege has_foreign_data_wrapper_privilege
    has_function_privilege has_language_privilege has_largeobject_privilege has_parameter_privilege
    has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege
    has_tablespace_privilege has_type_privilege pg_has_role row_security_active aclitemin aclitemout
    pg_basetype pg_collation_for pg_collation_is_visible pg_conversion_is_visible pg_function_is_visible
    pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible pg_statistics_obj_is_visible
    pg_table_is_visible pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible
    pg_ts_template_is_visible pg_type_is_visible pg_is_other_temp_schema
    pg_column_is_updatable pg_relation_is_publishable pg_relation_is_updatable pg_describe_object
    pg_identify_object pg_identify_object_as_address pg_get_object_address pg_get_acl pg_get_constraintdef
    pg_get_expr pg_get_function_arg_default pg_get_function_arguments pg_get_function_identity_arguments
    pg_get_function_result pg_get_function_sqlbody pg_get_functiondef pg_get_indexdef
    pg_get_partition_constraintdef pg_get_partkeydef pg_get_publication_tables pg_get_replica_identity_index
    pg_get_ruledef pg_get_serial_sequence pg_get_statisticsobjdef pg_get_statisticsobjdef_columns
    pg_get_statisticsobjdef_expressions pg_get_triggerdef pg_get_userbyid pg_get_viewdef
    pg_index_column_has_property pg_index_has_property pg_indexam_has_property pg_input_error_info
    pg_input_is_valid pg_partition_root pg_replication_origin_oid pg_sequence_parameters
    satisfies_hash_partition fmgr_c_validator fmgr_internal_validator fmgr_sql_validator
    regclass to_regclass to_regcollation to_regnamespace to_regoper to_regoperator to_regproc
    to_regprocedure to_regrole to_regtype to_regtypemod
    regclassin regclassout regcollationin regcollationout regconfigin regconfigout regdictionaryin
    regdictionaryout regnamespacein regnamespaceout regoperatorin regoperatorout regoperin regoperout
    regprocedurein regprocedureout regprocin regprocout regrolein regroleout regtypein regtypeout
    """,
)
STORAGE = Kind(
    "tells how the server stores something, which changes without a change of rows",
    "volatile-function",
    "a document has to depend on its rows alone: leave it out, or use octet_length() of the value's text",
    """
    pg_column_compression pg_column_size pg_column_toast_chunk_id pg_filenode_relation pg_relation_filenode
    pg_relation_filepath pg_tablespace_databases pg_tablespace_location
    """,
)
STATE = Kind(
    "gives another value at every run",
    "volatile-function",
    "a document has to depend on its rows alone: leave it out",
    """
    age(xid) mxid_age pg_backend_pid pg_conf_load_time pg_current_snapshot pg_current_xact_id
    pg_current_xact_id_if_assigned pg_cursor pg_event_trigger_* pg_get_replication_slots pg_listening_channels
    pg_postmaster_start_time pg_prepared_statement pg_stat_get_* pg_timezone_abbrevs* pg_timezone_names
    pg_trigger_depth txid_current txid_current_if_assigned txid_current_snapshot
    """,
)
SESSION = Kind(
    "tells about the daemon's session or its server, not about a row",
    "session-value",
    "leave it out, or write the value itself",
    """
    current_database current_schema current_schemas current_setting current_user session_user system_user
    getpgusername inet_client_addr inet_client_port inet_server_addr inet_server_port pg_client_encoding
    pg_my_temp_schema pg_show_all_settings pg_settings_get_flags getdatabaseencoding icu_unicode_version
    pg_available_extension_versions pg_available_extensions pg_config pg_extension_update_paths
    pg_get_catalog_foreign_keys pg_get_keywords pg_numa_available pg_split_walfile_name pg_walfile_name
    pg_walfile_name_offset unicode_version version
    """,
)
TEXT_SEARCH = Kind(
    "depends on a text search configuration and its dictionaries, whose changes no trigger sees",
    "stable-function",
    "resync the feed after a change of these: cdc-daemon resync",
    """
    get_current_ts_config json_to_tsvector jsonb_to_tsvector phraseto_tsquery plainto_tsquery to_tsquery
    to_tsvector ts_debug ts_headline ts_lexize ts_match_tq ts_match_tt ts_parse ts_token_type
    websearch_to_tsquery
    """,
)
KINDS = (
    *(SETTINGS, INPUT_AND_OUTPUT, ENUM, CLOCK),
    *(TABLES, CATALOGUE, STORAGE, STATE, SESSION, TEXT_SEARCH),
)

UNKNOWN = Kind(
    "is STABLE and newer than this version of cdc-daemon: it may depend on more than its arguments",
    "stable-function",
    "see that it depends on no table and no setting that changes",
    "",
)
_BY_SERVER = frozenset({"internal"})


def kind_of(function: Function) -> Kind | None:
    """The group of a built-in function; None if it depends on its arguments alone, or is VOLATILE."""
    if function.volatility == "volatile" or not _BY_SERVER.isdisjoint(function.arguments):
        return None
    names, prefixes = _listed()
    found = names.get(f"{function.name}({', '.join(function.arguments)})") or names.get(function.name)
    if found is None:
        found = next((kind for start, kind in prefixes.items() if function.name.startswith(start)), None)
    if found is None and function.volatility == "stable":
        return UNKNOWN
    return found


@cache
def _listed() -> tuple[Mapping[str, Kind], Mapping[str, Kind]]:
    """The groups by name, and by prefix of a name."""
    every = {name: kind for kind in KINDS for name in kind.functions.split()}
    whole = {name: kind for name, kind in every.items() if not name.endswith("*")}
    return whole, {name[:-1]: kind for name, kind in every.items() if name.endswith("*")}
