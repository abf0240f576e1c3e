from django.db import migrations

# One round trip instead of seven. SECURITY INVOKER is the point: the function reads through the same
# row-level security as its caller, one setting after the other.
FUNCTION = """
CREATE FUNCTION accounts_admit_token(shown text) RETURNS TABLE (
    id uuid, name text, scopes text[], expires_at timestamptz, revoked_at timestamptz,
    last_used_at timestamptz, tenant_id uuid, tenant text, user_id bigint, username text,
    is_active boolean, role text
) LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
BEGIN
    PERFORM set_config('mx.token', shown, true);
    SELECT t.id, t.name, ARRAY(SELECT jsonb_array_elements_text(t.scopes)), t.expires_at, t.revoked_at,
            t.last_used_at, t.tenant_id, t.user_id
        INTO id, name, scopes, expires_at, revoked_at, last_used_at, tenant_id, user_id
        FROM accounts_apitoken t WHERE t.token_hash = shown;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM set_config('mx.tenant', tenant_id::text, true);
    SELECT n.name INTO tenant FROM accounts_tenant n WHERE n.id = tenant_id;
    SELECT u.username, u.is_active INTO username, is_active FROM accounts_user u WHERE u.id = user_id;
    SELECT m.role INTO role FROM accounts_membership m
        WHERE m.tenant_id = accounts_admit_token.tenant_id AND m.user_id = accounts_admit_token.user_id;
    role := coalesce(role, '');
    RETURN NEXT;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION accounts_admit_token(text)")]
