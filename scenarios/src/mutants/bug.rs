//! The planted bugs by name, each with what it breaks.

use super::Mutant;

macro_rules! bugs {
    ($($property:literal { $($bug:ident $name:literal $hard:literal $what:literal),+ $(,)? })+) => {
        /// A planted bug. Each has one hook, in the mapper or at its edges.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[doc = $what] $bug),+),+
        }

        /// Every mutant: which property has to find it, and whether it is a hard one.
        pub const MUTANTS: &[Mutant] = &[
            $($(Mutant { name: $name, property: $property, hard: $hard, what: $what, bug: Bug::$bug }),+),+
        ];
    };
}

bugs! {
    "frame" {
        PartialClearsOmittable "partial-clears-omittable" false "a partial update removes the fields with omit_empty that it leaves out",
        WholeIsPut "whole-is-put" false "a whole update replaces the item and loses what the model does not declare",
        NamedWritesEmpties "named-writes-empties" true "a named update also writes unnamed fields whose value is empty",
        NullClearsNext "null-clears-next" true "setting NULL also removes the field that is declared next",
    }
    "agreement" {
        DashesBecomeNull "dashes-become-null" true "an update writes a string that contains two dashes as NULL",
        LongListBecomesNull "long-list-becomes-null" true "an update writes a list of more than 100 elements as NULL",
        UpdateDropsZeroMembers "update-drops-zero-members" false "an update drops zero members of maps and structs",
        BatchKeepsEmpties "batch-keeps-empties" false "a batch stores empty lists that omit_empty leaves away",
    }
    "presence" {
        AbsentBecomesNull "absent-becomes-null" false "an absent operand of a patch is written as NULL though the contract keeps",
        AbsentRemovesWithIf "absent-removes-with-if" true "an absent operand removes, only where the patch has a condition",
        EmptyListKeptInPartial "empty-list-kept-in-partial" false "a partial update skips empty lists though the contract sets them",
        FalseKeptInPartial "false-kept-in-partial" false "a partial update skips false though the contract sets it",
        AbsentPartitionScans "absent-partition-scans" true "a query whose partition is absent reads the whole table",
        AbsentSortDropped "absent-sort-dropped" true "a query drops a sort condition whose operand is absent",
        DefaultsOnConditionalPut "defaults-on-conditional-put" true "a put with a condition writes the defaults that only create writes",
    }
    "guard" {
        CreateOverwrites "create-overwrites" false "create overwrites a stored item though the contract says that it does not",
        DeleteIgnoresIf "delete-ignores-if" false "delete ignores its condition",
        VersionLosesBrackets "version-loses-brackets" true "a version check and a condition with OR are joined without brackets",
        AppendHidesFailure "append-hides-failure" true "a failed condition of an update that appends is reported as success",
        TransactKeepsLast "transact-keeps-last" true "of two actions on one item in a transaction only the last is sent",
        VersionStaysOnRemove "version-stays-on-remove" true "an update that only removes leaves the version as it was",
    }
    "well_formed" {
        UnusedName "unused-name" false "a placeholder is defined and not used",
        LiteralNames "literal-names" false "names of letters stand in expressions without a placeholder",
        LateWordsBare "late-words-bare" true "reserved words that begin with W stand without a placeholder",
        BatchUnsplit "batch-unsplit" true "more than 25 writes of a batch are sent in one request",
        InUnsplit "in-unsplit" true "more than 100 operands of IN are sent in one",
    }
    "meaning" {
        GroupsLost "groups-lost" false "AND and OR are written without brackets",
        SecondOrLosesBrackets "second-or-loses-brackets" true "the second OR group inside an AND loses its brackets",
        BetweenHalfOpen "between-half-open" true "BETWEEN leaves its upper end out",
        LastPlaceOnly "last-place-only" true "of several places below one field an update changes only the last",
        InForgetsRest "in-forgets-rest" true "of more than 99 operands of IN only the first are sent",
    }
    "never_broader" {
        ScanIgnoresFilter "scan-ignores-filter" false "scan ignores its filter",
        FilterLostWithIndexAndLimit "filter-lost-with-index-and-limit" true "a query with an index and a limit ignores its filter",
        BeginsWithDigit "begins-with-digit" true "a sort condition begins_with whose text ends in a digit reads on behind it",
        PageLosesLast "page-loses-last" true "a full page after the first lacks its last row",
        IndexCursorLacksKey "index-cursor-lacks-key" true "a cursor of an index holds the table's key only",
        OrderLostBehindPage "order-lost-behind-page" true "a query's second page forgets the order",
        PageReversed "page-reversed" true "the rows of a page after the first come in reverse",
        IndexOrderLost "index-order-lost" true "a query of an index forgets its order",
        SecondIndexScansFirst "second-index-scans-first" true "a scan of the second index reads the first",
        KeyFilterDropped "key-filter-dropped" true "a scan drops a filter on the table's sort key",
        LimitCursorBehindPage "limit-cursor-behind-page" true "where a limit cuts a page short, the cursor stands behind the page",
        BatchGetForgets "batch-get-forgets" true "of more than 100 keys of a batch_get the later ones are not asked for",
        LimitBeforeFilter "limit-before-filter" false "the limit counts rows before the filter",
    }
    "round_trip" {
        IntegersThroughDouble "integers-through-double" true "integers above 2^53 are written through a double",
        TrailingSpaceLost "trailing-space-lost" false "a read trims the end of strings",
        DotsInMapKeys "dots-in-map-keys" true "dots in map keys are written as underscores",
        BatchFillsFromFirst "batch-fills-from-first" true "a record of a batch takes what it leaves out from the first one",
        BatchGetJoinsKeys "batch-get-joins-keys" true "a batch_get tells items apart by the joined texts of their keys",
        SelectThroughDouble "select-through-double" true "a read of some fields reads numbers through a double",
        BatchPutForgets "batch-put-forgets" true "of more than 25 records of a batch_put the later ones are not written",
        EmptyStringsInLists "empty-strings-in-lists" false "empty strings in lists are not written",
    }
    "valid_values" {
        DuplicateMembers "duplicate-members" false "sets are sent with a member twice",
        ExactDoubles "exact-doubles" false "fractions are sent as the exact expansion of their double",
        EmptySetNested "empty-set-nested" true "an empty set inside a list or a map is sent",
    }
    "deterministic" {
        NumberingGoesOn "numbering-goes-on" false "placeholders are numbered through from call to call",
        AndOrderFlips "and-order-flips" false "the parts of an AND change places from call to call",
        HashOrder "hash-order" true "the assignments of an update with five or more stand in the order of a hash table",
    }
    "total" {
        EmptyListCrashes "empty-list-crashes" false "reading an empty list crashes",
        NullInMapCrashes "null-in-map-crashes" true "reading a map with a NULL in it crashes",
        DeepNestCrashes "deep-nest-crashes" true "reading values that are nested more than ten levels deep crashes",
        CutInsideCharacter "cut-inside-character" true "a text cut at byte 20 inside a character crashes",
    }
    "canary" {
        ValueInRefusal "value-in-refusal" false "the error for a value that does not fit quotes the record",
        KeyInFailure "key-in-failure" false "a failed condition carries the key in the error's fields",
        NestedValueInFailure "nested-value-in-failure" true "a failed condition on a nested path quotes its operands",
        RecordInLog "record-in-log" false "a failed call is logged with its parameters",
    }
    "rewrite" {
        ReadsThroughDouble "reads-through-double" false "numbers of more than 17 digits are read through a double",
        NullLostOnRead "null-lost-on-read" false "a stored NULL is read as left out",
        SetOfOneUnpacked "set-of-one-unpacked" true "a set of one member in a field of type any is read as the member",
    }
    "hostile_names" {
        CaseTwinsShare "case-twins-share" true "names that differ in case share a placeholder",
        PunctuationShares "punctuation-shares" true "names that differ in punctuation share a placeholder",
        DotsSplit "dots-split" false "a name with a dot is taken for a path",
        ReservedNamesDropped "reserved-names-dropped" false "the attributes constructor, prototype and __proto__ are not written",
    }
    "key_injective" {
        TenantUnescaped "tenant-unescaped" false "the tenant is joined to the key without escaping the delimiter",
        TenantLowercased "tenant-lowercased" false "tenants that differ in case share keys",
        TenantEscapedOnce "tenant-escaped-once" true "only the first delimiter in a tenant is escaped",
        IndexTenantUnescaped "index-tenant-unescaped" true "the tenant is joined to the keys of indexes without escaping the delimiter",
        TenantTrimmed "tenant-trimmed" true "spaces at the ends of a tenant are dropped",
        TenantComposed "tenant-composed" true "tenants whose letters are composed otherwise share keys",
    }
    "tenant_noninterference" {
        IndexWithoutTenant "index-without-tenant" false "the partition keys of indexes do not carry the tenant",
        ScanOfEveryone "scan-of-everyone" false "scan reads the rows of all tenants",
        ScanOffered "scan-offered" true "scan filters the tenant's rows out of everyone's, which the counts and pages show",
        IndexFiltered "index-filtered" true "queries of an index filter the tenant's rows out of everyone's in the partition",
        CacheWithoutTenant "cache-without-tenant" true "a get that finds nothing is answered by a cache whose keys leave the tenant out",
    }
    "cursor_confined" {
        CursorUnsealed "cursor-unsealed" false "a cursor names the partition that is read, and nothing seals it",
        CursorWithoutTenant "cursor-without-tenant" false "a cursor names the partition that is read, and its seal leaves the tenant out",
        IndexCursorUnsealed "index-cursor-unsealed" true "the cursor of an index names the partition that is read, and nothing seals it",
        CursorSealsTenantOnly "cursor-seals-tenant-only" true "a cursor names the partition that is read, and its seal covers the tenant alone",
    }
    "fail_closed" {
        NoTenantAllowed "no-tenant-allowed" false "a call without a tenant is run without a prefix",
        EmptyTenantAllowed "empty-tenant-allowed" false "an empty tenant is taken for a tenant",
        LastTenantRemembered "last-tenant-remembered" true "a call without a tenant is run as the last tenant",
        CursorBringsTenant "cursor-brings-tenant" true "a call without a tenant is run as the tenant whose cursor it presents",
        TransactWithoutTenant "transact-without-tenant" true "a transaction with an empty tenant is run without a prefix",
    }
}
