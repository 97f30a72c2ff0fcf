-- The newest backup that was taken for an execution.
ALTER TABLE execution ADD COLUMN snapshot TEXT;
