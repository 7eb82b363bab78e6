"""What no code path, and no SQL typed by hand, may get round: a side of the split is decided once, and holds everywhere.

What earlier versions held keeps its side. Their owners were not asked about then, so theirs are on both.
"""

from django.db import migrations

WHAT_WAS_DECIDED_BEFORE = """
INSERT INTO annotations_groupsplit ("group", split, decided_at)
    SELECT DISTINCT ON ("group") "group", split, now() FROM annotations_datasetitem ORDER BY "group", id;
INSERT INTO annotations_ownersplit (owner, split, whole, decided_at)
    SELECT owner, side, false, now()
    FROM (
        SELECT owner FROM annotations_photo WHERE id IN (SELECT photo FROM annotations_datasetitem)
        UNION
        SELECT owner FROM annotations_deletedphoto WHERE id IN (SELECT photo FROM annotations_datasetitem)
    ) AS owners, (VALUES ('train'), ('holdout')) AS sides (side);
INSERT INTO annotations_photosplit (photo, split, owner, "group", phash, decided_at)
    SELECT DISTINCT ON (item.photo)
        item.photo, item.split, COALESCE(photo.owner, deleted.owner), item."group", photo.phash, now()
    FROM annotations_datasetitem AS item
    LEFT JOIN annotations_photo AS photo ON photo.id = item.photo
    LEFT JOIN annotations_deletedphoto AS deleted ON deleted.id = item.photo
    ORDER BY item.photo, item.id;
"""

HELD_TO_IT = """
ALTER TABLE annotations_photosplit
    ADD CONSTRAINT photo_split_of_its_group FOREIGN KEY ("group", split)
        REFERENCES annotations_groupsplit ("group", split),
    ADD CONSTRAINT photo_split_of_its_owner FOREIGN KEY (owner, split)
        REFERENCES annotations_ownersplit (owner, split);
ALTER TABLE annotations_datasetitem
    ADD CONSTRAINT dataset_item_on_the_side_of_its_photo FOREIGN KEY (photo, side)
        REFERENCES annotations_photosplit (photo, split);
"""
AND_BACK = """
ALTER TABLE annotations_datasetitem DROP CONSTRAINT dataset_item_on_the_side_of_its_photo;
ALTER TABLE annotations_photosplit
    DROP CONSTRAINT photo_split_of_its_owner, DROP CONSTRAINT photo_split_of_its_group;
"""

FOR_GOOD = """
CREATE FUNCTION annotations_split_is_for_good() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A side of the split is decided once, for good: % can''t be changed or removed.', OLD
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER owner_split_is_for_good BEFORE UPDATE OR DELETE ON annotations_ownersplit
    FOR EACH ROW EXECUTE FUNCTION annotations_split_is_for_good();
CREATE TRIGGER group_split_is_for_good BEFORE UPDATE OR DELETE ON annotations_groupsplit
    FOR EACH ROW EXECUTE FUNCTION annotations_split_is_for_good();
CREATE TRIGGER photo_split_is_for_good BEFORE UPDATE OR DELETE ON annotations_photosplit
    FOR EACH ROW EXECUTE FUNCTION annotations_split_is_for_good();

CREATE FUNCTION annotations_owner_is_whole_or_not() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM annotations_ownersplit
        WHERE owner = NEW.owner AND split <> NEW.split AND (whole OR NEW.whole)
    ) THEN
        RAISE EXCEPTION 'Owner % was decided before; that is for good.', NEW.owner
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER owner_split_is_whole_or_not BEFORE INSERT ON annotations_ownersplit
    FOR EACH ROW EXECUTE FUNCTION annotations_owner_is_whole_or_not();
"""
NOT_FOR_GOOD = """
DROP TRIGGER owner_split_is_whole_or_not ON annotations_ownersplit;
DROP FUNCTION annotations_owner_is_whole_or_not();
DROP TRIGGER photo_split_is_for_good ON annotations_photosplit;
DROP TRIGGER group_split_is_for_good ON annotations_groupsplit;
DROP TRIGGER owner_split_is_for_good ON annotations_ownersplit;
DROP FUNCTION annotations_split_is_for_good();
"""


class Migration(migrations.Migration):
    dependencies = [("annotations", "0005_splits")]

    operations = [
        migrations.RunSQL(WHAT_WAS_DECIDED_BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL(HELD_TO_IT, AND_BACK),
        migrations.RunSQL(FOR_GOOD, NOT_FOR_GOOD),
    ]
